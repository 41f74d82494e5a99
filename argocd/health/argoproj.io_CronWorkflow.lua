-- Degraded when it cannot start what it should; a run that fails is told by the run's own exit handler and by its alert.
local hs = {}
local status = obj.status or {}
for _, condition in ipairs(status.conditions or {}) do
  if (condition.type == "SubmissionError" or condition.type == "SpecError") and condition.status == "True" then
    hs.status = "Degraded"
    hs.message = condition.message
    return hs
  end
end
if status.phase == "Stopped" then
  hs.status = "Suspended"
  hs.message = "It has reached what its stopStrategy says"
elseif obj.spec ~= nil and obj.spec.suspend == true then
  -- Git says so, or else it would be healed: what is as it should be holds up no rolling sync.
  hs.status = "Healthy"
  hs.message = "It starts nothing by itself"
elseif #(status.active or {}) > 0 then
  hs.status = "Healthy" -- hours of training are no reason to hold up a release
  hs.message = "Running: " .. status.active[1].name
else
  hs.status = "Healthy"
end
return hs
