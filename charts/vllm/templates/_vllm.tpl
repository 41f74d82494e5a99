{{- /* Whether the cluster can scale this by KEDA, and is to. */ -}}
{{- define "vllm.scaled" -}}
{{- if and .Values.autoscaling.enabled (.Capabilities.APIVersions.Has "keda.sh/v1alpha1/ScaledObject") }}yes{{ end -}}
{{- end }}

{{- /* Whether the cache is a volume that one pod alone can have. */ -}}
{{- define "vllm.alone" -}}
{{- if and (eq .Values.cache.kind "pvc") (eq .Values.cache.accessMode "ReadWriteOnce") }}yes{{ end -}}
{{- end }}

{{- /* What cannot be, said before anything is installed. */ -}}
{{- define "vllm.check" -}}
{{- $most := ternary .Values.autoscaling.maxReplicas .Values.replicaCount .Values.autoscaling.enabled | int -}}
{{- if and (include "vllm.alone" .) (gt $most 1) -}}
{{- fail (printf "cache.accessMode is ReadWriteOnce, which %d pods cannot share: set ReadWriteMany, or cache.kind: emptyDir" $most) -}}
{{- end -}}
{{- $auto := .Values.autoscaling -}}
{{- if and $auto.enabled (eq (int $auto.minReplicas) 0) (not (or $auto.schedule $auto.extraTriggers)) -}}
{{- fail "autoscaling.minReplicas is 0 and nothing wakes the first pod, since none is there to count waiting requests: set autoscaling.schedule, or autoscaling.extraTriggers" -}}
{{- end -}}
{{- $needs := dict "image" .Values.weights.image "volume" .Values.weights.existingClaim "s3" .Values.weights.uri "hub" "-" -}}
{{- if not (get $needs .Values.weights.source) -}}
{{- fail (printf "weights.source is %s: set weights.%s" .Values.weights.source (get (dict "image" "image" "volume" "existingClaim" "s3" "uri") .Values.weights.source)) -}}
{{- end -}}
{{- end }}

{{- /* The release's adapter, chat template and base; empty where it has no model, or there is no release yet. */ -}}
{{- define "vllm.released" -}}
{{- (.Values.release | default dict).model | default dict | toJson -}}
{{- end }}

{{- /* Where vLLM finds the base. */ -}}
{{- define "vllm.base" -}}
{{- $released := include "vllm.released" . | fromJson -}}
{{- if eq .Values.weights.source "s3" -}}
{{ .Values.weights.uri }}
{{- else if ne .Values.weights.source "hub" -}}
/models{{ with .Values.weights.path }}/{{ . }}{{ end }}
{{- else -}}
{{ $released.base | default .Values.model.base | required "there is no release with a model, and model.base is empty: name what is served" }}
{{- end -}}
{{- end }}

{{- /* vLLM's command line, a word a line. By module: not every image has a script that starts it. */ -}}
{{- define "vllm.args" -}}
{{- $released := include "vllm.released" . | fromJson -}}
{{- $args := list "--host" "0.0.0.0" "--port" "8000" "--served-model-name" "base" "--model" (include "vllm.base" .) -}}
{{- if eq .Values.weights.source "hub" -}}
{{- with $released.revision | default .Values.model.revision }}{{ $args = concat $args (list "--revision" .) }}{{ end -}}
{{- else if eq .Values.weights.source "s3" -}}
{{- $args = concat $args (list "--load-format" "runai_streamer") -}}
{{- end -}}
{{- $args = concat $args (list "--enable-lora" "--max-lora-rank" (toString .Values.lora.maxRank) "--max-loras" (toString .Values.lora.maxAdapters)) -}}
{{- if $released.adapter -}}
{{- $args = concat $args (list "--chat-template" "/adapters/chat_template.jinja") -}}
{{- end -}}
{{- with int .Values.contextLength }}{{ $args = concat $args (list "--max-model-len" (toString .)) }}{{ end -}}
{{- if eq .Values.device "gpu" -}}
{{- $args = concat $args (list "--tensor-parallel-size" (toString .Values.tensorParallel) "--gpu-memory-utilization" (toString .Values.gpuMemory)) -}}
{{- else -}}
{{- $args = concat $args (list "--dtype" "float32" "--enforce-eager") -}}
{{- end -}}
{{- concat $args .Values.extraArgs | toYaml -}}
{{- end }}
