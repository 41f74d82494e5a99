{{- /* What scales the gateway here: hpa, keda or nothing. KEDA only where the cluster has it. */ -}}
{{- define "gateway.scaledBy" -}}
{{- if eq .Values.autoscaling.by "keda" -}}
{{- if .Capabilities.APIVersions.Has "keda.sh/v1alpha1/ScaledObject" -}}keda{{- end -}}
{{- else -}}
{{- .Values.autoscaling.by -}}
{{- end -}}
{{- end }}

{{- /* A dict of `root` and `host` -> the host, which an ingress or a route must have. */ -}}
{{- define "gateway.host" -}}
{{- .host | default .root.Values.global.host | required "no host is set: set `host` of the ingress or route, or `global.host`" -}}
{{- end }}

{{- /* Settings by their names in docs/settings.md -> variables. A number stays as it was written. */ -}}
{{- define "gateway.settings" -}}
TWIN_HOST: 0.0.0.0
TWIN_PORT: "8400"
TWIN_HOME: /work
TWIN_KEYS_FILE: /keys/keys.json
TWIN_QDRANT_URL: {{ .Values.qdrantUrl | quote }}
{{- $quotes := and .Values.release (not (.Values.release | default dict).model) -}}
{{- if and .Values.modelUrl (not $quotes) }}
TWIN_MODEL_URL: {{ .Values.modelUrl | quote }}
TWIN_LOAD_ADAPTERS: "false"
{{- end }}
TWIN_DRAIN_TIMEOUT: {{ .Values.drainSeconds | quote }}
{{ include "twin.environmentSettings" . }}
{{- end }}
