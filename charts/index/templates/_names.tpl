{{- /* Copied from charts/shared by `make render`, so that a chart is complete as it lies there; never edit a copy. Labels, images, names. */ -}}

{{- /* What a Service, a budget or a policy finds pods by; never changes for a release that is installed. */ -}}
{{- define "twin.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* What stands beside the selector on objects and pods alike; on pods of tests, too, which no Service may find. */ -}}
{{- define "twin.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: {{ index .Chart.Annotations "twin/component" }}
app.kubernetes.io/part-of: llm-twin
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.global.environment }}
twin/environment: {{ . }}
{{- end }}
{{- end }}

{{- define "twin.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{ include "twin.selectorLabels" . }}
{{ include "twin.commonLabels" . }}
{{- end }}

{{- define "twin.podLabels" -}}
{{ include "twin.selectorLabels" . }}
{{ include "twin.commonLabels" . }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "twin.testLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{ include "twin.commonLabels" . }}
{{- end }}

{{- /* A dict of `root` and `image` (values) -> a reference. A digest wins over a tag, global.imageRegistry over a registry. */ -}}
{{- define "twin.image" -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest }}{{ $name }}@{{ .image.digest }}{{ else }}{{ $name }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* The gateway's image, which also has the `twin` of sidecars and the Python of tests: the release's as it stands there. */ -}}
{{- define "twin.gatewayImage" -}}
{{- $images := (.root.Values.release | default dict).images | default dict -}}
{{- $images.gateway | default (include "twin.image" .) -}}
{{- end }}

{{- define "twin.pullSecrets" -}}
{{- with concat (.Values.global.imagePullSecrets | default list) .Values.imagePullSecrets | uniq }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "twin.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default .Release.Name -}}
{{- end }}

{{- /* Settings that an environment gives to all charts: where artifacts are kept, and a candidate beside the release. */ -}}
{{- define "twin.environmentSettings" -}}
{{- with .Values.global.bucket }}
TWIN_ARTIFACTS_URL: s3://{{ . }}/artifacts
{{- end }}
{{- with .Values.global.s3Endpoint }}
TWIN_S3_ENDPOINT: {{ . | quote }}
{{- end }}
{{- with .Values.global.region }}
AWS_REGION: {{ . }}
{{- end }}
{{- with .Values.global.canary }}
TWIN_CANARY: {{ .share | quote }}
TWIN_CANARY_ADAPTER: {{ .adapter | quote }}
{{- end }}
{{- end }}

{{- /* The file release.yaml as `twin` reads it. */ -}}
{{- define "twin.releaseFile" -}}
{{- toYaml (dict "release" .Values.release) -}}
{{- end }}
