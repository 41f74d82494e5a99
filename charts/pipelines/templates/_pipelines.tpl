{{- /* What a rendered workflow becomes in an environment. Argo's own `{{...}}` is data here: the files are read, never expanded. */ -}}

{{- define "pipelines.image" -}}
{{- $images := (.Values.release | default dict).images | default dict -}}
{{- $images.pipelines | default (include "twin.image" (dict "root" . "image" .Values.image)) -}}
{{- end }}

{{- /* Variables beside those that are rendered; git asks for its password alone where the step has it. */ -}}
{{- define "pipelines.env" -}}
{{- with .Values.global.region }}
- {name: AWS_REGION, value: {{ . | quote }}}
{{- end }}
{{- range $role := list "AUTHOR" "COMMITTER" }}
- {name: GIT_{{ $role }}_NAME, value: {{ $.Values.committer.name | quote }}}
- {name: GIT_{{ $role }}_EMAIL, value: {{ $.Values.committer.email | quote }}}
{{- end }}
- {name: GIT_CONFIG_COUNT, value: "1"}
- {name: GIT_CONFIG_KEY_0, value: credential.helper}
- name: GIT_CONFIG_VALUE_0
  value: '!f() { echo "username=$GIT_USERNAME"; echo "password=$GIT_PASSWORD"; }; f'
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The model server beside an evaluation. It ends with the step. */ -}}
{{- define "pipelines.server" -}}
{{- $model := (.Values.release | default dict).model | default dict -}}
{{- $base := $model.base | default .Values.server.base.name -}}
{{- $revision := $model.revision | default .Values.server.base.revision -}}
name: vllm
image: {{ include "twin.image" (dict "root" . "image" .Values.server.image) }}
imagePullPolicy: {{ .Values.server.image.pullPolicy }}
command: [python3, -P, -m, vllm.entrypoints.openai.api_server]
args:
  - --model={{ $base }}
  {{- if and $revision (not (hasPrefix "/" $base)) (not (hasPrefix "sha256:" $revision)) }}
  - --revision={{ $revision }}
  {{- end }}
  - --served-model-name=base
  - --enable-lora
  - --max-lora-rank={{ .Values.server.maxRank }}
  - --max-loras=2
  {{- range .Values.server.args }}
  - {{ . | quote }}
  {{- end }}
env:
  - {name: HOME, value: /tmp}
  - {name: HF_HOME, value: /tmp/hub}
  - {name: VLLM_ALLOW_RUNTIME_LORA_UPDATING, value: "True"}
  - {name: VLLM_NO_USAGE_STATS, value: "1"}
  {{- with .Values.server.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml .Values.server.resources | nindent 2 }}
securityContext:
  {{- include "twin.containerSecurity" . | nindent 2 }}
volumeMounts:
  - {name: adapters, mountPath: /adapters, readOnly: true}
  - {name: hub, mountPath: /tmp}
  - {name: shm, mountPath: /dev/shm}
{{- end }}

{{- /* Changes one template of a workflow in place: `root`, `template`. */ -}}
{{- define "pipelines.stamp" -}}
{{- $root := .root }}
{{- $template := .template }}
{{- $container := $template.container }}
{{- $kind := index $template.metadata.labels "twin/needs" }}
{{- $needs := index $root.Values.needs $kind }}
{{- $_ := set $container "image" (include "pipelines.image" $root) }}
{{- $_ := set $container "imagePullPolicy" $root.Values.image.pullPolicy }}
{{- $_ := set $container "resources" $needs.resources }}
{{- range $container.env }}
{{- with (.valueFrom | default dict).secretKeyRef }}{{ $_ := set . "name" $root.Values.existingSecret }}{{ end }}
{{- end }}
{{- $env := concat $container.env (include "pipelines.env" $root | fromYamlArray) }}
{{- with $needs.nodeSelector }}{{ $_ := set $template "nodeSelector" . }}{{ end }}
{{- with $needs.tolerations }}{{ $_ := set $template "tolerations" . }}{{ end }}
{{- if and (eq $kind "train") $root.Values.runs.enabled }}
{{- $_ := set $template "volumes" (list (dict "name" "runs" "persistentVolumeClaim" (dict "claimName" (printf "%s-runs" $root.Release.Name)))) }}
{{- $_ := set $container "volumeMounts" (append $container.volumeMounts (dict "name" "runs" "mountPath" "/work/runs")) }}
{{- end }}
{{- if eq $kind "serve" }}
{{- $env = concat $env (list (dict "name" "TWIN_MODEL_URL" "value" "http://127.0.0.1:8000/v1") (dict "name" "TWIN_ADAPTERS_FOLDER" "value" "/adapters")) }}
{{- $empty := dict "emptyDir" dict }}
{{- $memory := dict "name" "shm" "emptyDir" (dict "medium" "Memory" "sizeLimit" "2Gi") }}
{{- $_ := set $template "volumes" (list (merge (dict "name" "adapters") $empty) (merge (dict "name" "hub") $empty) $memory) }}
{{- $_ := set $container "volumeMounts" (append $container.volumeMounts (dict "name" "adapters" "mountPath" "/adapters")) }}
{{- $_ := set $template "sidecars" (list (include "pipelines.server" $root | fromYaml)) }}
{{- end }}
{{- $_ := set $container "env" $env }}
{{- end }}
