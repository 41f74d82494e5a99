{{- /* What Qdrant reads over its own defaults; `config` of the values over that. Keys are variables, never here. */ -}}
{{- define "qdrant.config" -}}
telemetry_disabled: true
cluster:
  enabled: true
  p2p: {port: 6335}
service: {http_port: 6333, grpc_port: 6334, enable_cors: false}
storage:
  storage_path: /qdrant/storage
  snapshots_path: ./snapshots # on S3 the beginning of each name
  temp_path: /qdrant/snapshots/temp
  snapshots_config:
    snapshots_storage: {{ .Values.snapshots.storage }}
    {{- if eq .Values.snapshots.storage "s3" }}
    s3_config:
      bucket: {{ .Values.snapshots.bucket | default .Values.global.bucket | required "snapshots.bucket is empty, and so is global.bucket: name the bucket, or set snapshots.storage to local" }}
      {{- with .Values.snapshots.region | default .Values.global.region }}
      region: {{ . }}
      {{- end }}
      {{- with .Values.snapshots.endpoint | default .Values.global.s3Endpoint }}
      endpoint_url: {{ . }}
      {{- end }}
    {{- end }}
{{- end }}

{{- define "qdrant.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .root.Values.storage.storageClass | default .root.Values.global.storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end }}
