-- Ready means that its target and triggers are understood; Active, that something is scaled right now. Idle is healthy.
local hs = {}
local found = {}
for _, condition in ipairs((obj.status or {}).conditions or {}) do
  found[condition.type] = condition
end
local function is(type, value)
  return found[type] ~= nil and found[type].status == value
end
if is("Paused", "True") then
  hs.status = "Suspended"
  hs.message = found.Paused.message
elseif is("Fallback", "True") then
  hs.status = "Degraded" -- its metric cannot be read: replicas stand at what `fallback` says
  hs.message = found.Fallback.message
elseif is("Ready", "False") then
  hs.status = "Degraded"
  hs.message = found.Ready.message
elseif is("Ready", "True") then
  hs.status = "Healthy"
  hs.message = found.Ready.message
else
  hs.status = "Progressing"
  hs.message = "KEDA has not looked at it yet"
end
return hs
