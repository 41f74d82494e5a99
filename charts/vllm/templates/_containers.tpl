{{- /* vLLM's variables. Its caches are on the cache volume, everything else that it writes under /tmp. */ -}}
{{- define "vllm.env" -}}
- {name: VLLM_ALLOW_RUNTIME_LORA_UPDATING, value: "True"} # only with the NetworkPolicy of this chart
- {name: VLLM_NO_USAGE_STATS, value: "1"}
- {name: VLLM_CACHE_ROOT, value: /cache/vllm}
- {name: HF_HOME, value: /cache/huggingface}
- {name: TORCHINDUCTOR_CACHE_DIR, value: /cache/inductor}
- {name: TRITON_CACHE_DIR, value: /cache/triton}
- {name: XDG_CACHE_HOME, value: /tmp/cache}
- {name: HOME, value: /tmp}
- {name: LOGNAME, value: vllm} # torch asks who it is, and a bare uid has no name
{{- if or .Values.weights.offline (ne .Values.weights.source "hub") }}
- {name: HF_HUB_OFFLINE, value: "1"}
{{- end }}
{{- if eq .Values.device "cpu" }}
- {name: VLLM_CPU_KVCACHE_SPACE, value: {{ .Values.cpu.cacheGiB | quote }}}
- {name: VLLM_CPU_OMP_THREADS_BIND, value: nobind}
- {name: OMP_NUM_THREADS, value: {{ .Values.cpu.threads | quote }}}
{{- end }}
- name: VLLM_API_KEY
  valueFrom:
    secretKeyRef: {name: {{ .Values.existingSecret }}, key: TWIN_MODEL_KEY}
- name: HF_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ .Values.existingSecret }}, key: HF_TOKEN, optional: true}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The release's gateway image, or the digest that values pin so that new code restarts no model. */ -}}
{{- define "vllm.followerImage" -}}
{{- $given := dict "root" . "image" .Values.adapters.image -}}
{{- if .Values.adapters.image.digest }}{{ include "twin.image" $given }}{{ else }}{{ include "twin.gatewayImage" $given }}{{ end -}}
{{- end }}

{{- /* What fetching and following have in common: the gateway's image, the release, the store, room for adapters. */ -}}
{{- define "vllm.follower" -}}
image: {{ include "vllm.followerImage" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
workingDir: /twin
env:
  - {name: TWIN_HOME, value: /tmp/twin}
  - {name: TWIN_ADAPTERS_FOLDER, value: /adapters}
  - {name: TWIN_MODEL_URL, value: http://127.0.0.1:8000/v1}
  {{- range $name, $value := include "twin.environmentSettings" . | fromYaml }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
  {{- include "twin.secretEnv" . | trim | nindent 2 }}
resources:
  {{- toYaml .Values.adapters.resources | nindent 2 }}
securityContext:
  {{- include "twin.containerSecurity" . | nindent 2 }}
volumeMounts:
  - {name: release, mountPath: /twin, readOnly: true}
  - {name: scripts, mountPath: /scripts, readOnly: true}
  - {name: adapters, mountPath: /adapters}
  - {name: tmp-adapters, mountPath: /tmp}
{{- end }}

{{- define "vllm.volumes" -}}
- name: scripts
  configMap: {name: {{ .Release.Name }}-scripts}
- name: adapters
  emptyDir: {sizeLimit: {{ .Values.adapters.size }}}
- name: shm
  emptyDir: {medium: Memory, sizeLimit: {{ .Values.shm }}}
- name: tmp
  emptyDir: {sizeLimit: 4Gi}
- name: cache
{{- if eq .Values.cache.kind "pvc" }}
  persistentVolumeClaim: {claimName: {{ .Values.cache.existingClaim | default (printf "%s-cache" .Release.Name) }}}
{{- else }}
  emptyDir: {sizeLimit: {{ .Values.cache.size }}}
{{- end }}
{{- if eq .Values.weights.source "image" }}
- name: weights
  image: {reference: {{ .Values.weights.image }}, pullPolicy: {{ .Values.image.pullPolicy }}}
{{- else if eq .Values.weights.source "volume" }}
- name: weights
  persistentVolumeClaim: {claimName: {{ .Values.weights.existingClaim }}, readOnly: true}
{{- end }}
{{- if (include "vllm.released" . | fromJson).adapter }}
- name: release
  configMap: {name: {{ .Release.Name }}-release}
- name: tmp-adapters
  emptyDir: {sizeLimit: 1Gi}
{{- end }}
{{- end }}
