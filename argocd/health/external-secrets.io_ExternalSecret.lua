-- Healthy when the Secret is what the store has; SecretDeleted is a state that somebody asked for by deletionPolicy.
local hs = {}
for _, condition in ipairs((obj.status or {}).conditions or {}) do
  if condition.type == "Deleted" and condition.status == "True" then
    hs.status = "Suspended"
    hs.message = condition.message
    return hs
  end
  if condition.type == "Ready" then
    if condition.status == "True" then
      hs.status = "Healthy"
    elseif condition.status == "False" then
      hs.status = "Degraded"
    else
      hs.status = "Progressing"
    end
    hs.message = condition.message
    return hs
  end
end
hs.status = "Progressing"
hs.message = "External Secrets has not read the store yet"
return hs
