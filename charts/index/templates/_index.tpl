{{- /* The steps' image: the release's as it stands there. */ -}}
{{- define "index.image" -}}
{{- $images := (.Values.release | default dict).images | default dict -}}
{{- $images.pipelines | default (include "twin.image" (dict "root" . "image" .Values.image)) -}}
{{- end }}

{{- /* Settings as variables, by their names in docs/settings.md. */ -}}
{{- define "index.settings" -}}
TWIN_HOME: /work
HOME: /work
TWIN_QDRANT_URL: {{ .Values.qdrantUrl | quote }}
{{ include "twin.environmentSettings" . }}
{{- end }}
