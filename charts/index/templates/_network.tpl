{{- /* Copied from charts/shared by `make render`, so that a chart is complete as it lies there; never edit a copy. Rules of network policies. */ -}}

{{- /* Egress that every pod needs: names. */ -}}
{{- define "twin.egressToDNS" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- /* Egress to what is outside the cluster, on `.ports`: never to a node's metadata service, but to EKS Pod Identity's agent. */ -}}
{{- define "twin.egressToInternet" -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [169.254.0.0/16]
  ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
- to:
    - ipBlock:
        cidr: 169.254.170.23/32
  ports:
    - {port: 80, protocol: TCP}
{{- end }}
