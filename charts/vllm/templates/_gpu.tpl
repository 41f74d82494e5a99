{{- /* Requests and limits with the GPUs of a pod. */ -}}
{{- define "vllm.resources" -}}
{{- $resources := deepCopy .Values.resources -}}
{{- if eq .Values.device "gpu" -}}
{{- $_ := set $resources.limits "nvidia.com/gpu" (int .Values.tensorParallel) -}}
{{- $_ := set $resources.requests "nvidia.com/gpu" (int .Values.tensorParallel) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}

{{- /* Where pods go; those with GPUs also to nodes that only take such. */ -}}
{{- define "vllm.placement" -}}
{{- $values := deepCopy .Values -}}
{{- if eq .Values.device "gpu" -}}
{{- $gpu := dict "key" "nvidia.com/gpu" "operator" "Exists" "effect" "NoSchedule" -}}
{{- $_ := set $values "tolerations" (append .Values.tolerations $gpu) -}}
{{- end -}}
{{- include "twin.placement" (dict "Values" $values "Chart" .Chart "Release" .Release) -}}
{{- end }}
