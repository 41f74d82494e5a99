{{- /* The order in an environment: what one waits for stands before it, and what nobody waits for comes last. */ -}}
{{- define "platform.waves" -}}
namespace: 0
mongodb: 1
qdrant: 1
index: 2
vllm: 3
rag-gateway: 4
monitoring: 5
pipelines: 5
{{- end }}

{{- /* What cannot be had back by another sync. */ -}}
{{- define "platform.keeping" -}}
[namespace, mongodb, qdrant]
{{- end }}

{{- /* A dict of `component` and `environment` (values) -> the files of the branch that become values of its chart. */ -}}
{{- define "platform.files" -}}
{{- if eq .component "rag-gateway" }}
- {name: files.sources, path: /sources.yaml}
{{- else if eq .component "pipelines" }}
- {name: files.sources, path: /sources.yaml}
- {name: files.thresholds, path: /thresholds.yaml}
- {name: files.recipe, path: /{{ .environment.recipe }}}
{{- else }}
[]
{{- end }}
{{- end }}

{{- /* Numbers of waves -> the steps of a rolling sync, each of which waits until the one before is healthy. */ -}}
{{- define "platform.steps" -}}
type: RollingSync
rollingSync:
  steps:
    {{- range . }}
    - matchExpressions: [{key: twin/wave, operator: In, values: [{{ . | quote }}]}]
    {{- end }}
{{- end }}
