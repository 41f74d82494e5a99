-- It has no status of its own: it is well when something can be run from it.
local hs = {}
local spec = obj.spec or {}
if spec.templates == nil and spec.workflowTemplateRef == nil then
  hs.status = "Degraded"
  hs.message = "It has no templates, so nothing can be run from it"
elseif spec.suspend == true then
  hs.status = "Suspended"
  hs.message = "What is run from it waits until somebody resumes it"
else
  hs.status = "Healthy"
end
return hs
