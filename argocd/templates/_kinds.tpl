{{- /* An environment -> the kinds that its components have, and no other. A test compares them with every render. */ -}}
{{- define "platform.kinds" -}}
- {group: "", kind: ConfigMap}
- {group: "", kind: LimitRange}
- {group: "", kind: PersistentVolumeClaim}
- {group: "", kind: ResourceQuota}
- {group: "", kind: Secret} # that of a service account's token, which Kubernetes fills; values of secrets are refused by policy
- {group: "", kind: Service}
- {group: "", kind: ServiceAccount}
- {group: apps, kind: Deployment}
- {group: apps, kind: StatefulSet}
- {group: argoproj.io, kind: CronWorkflow}
- {group: argoproj.io, kind: WorkflowTemplate}
- {group: autoscaling, kind: HorizontalPodAutoscaler}
- {group: batch, kind: Job}
- {group: external-secrets.io, kind: ExternalSecret}
- {group: gateway.networking.k8s.io, kind: Gateway}
- {group: gateway.networking.k8s.io, kind: HTTPRoute}
- {group: keda.sh, kind: ScaledObject}
- {group: monitoring.coreos.com, kind: PodMonitor}
- {group: monitoring.coreos.com, kind: PrometheusRule}
- {group: monitoring.coreos.com, kind: ServiceMonitor}
- {group: networking.k8s.io, kind: Ingress}
- {group: networking.k8s.io, kind: NetworkPolicy}
- {group: policy, kind: PodDisruptionBudget}
- {group: rbac.authorization.k8s.io, kind: Role}
- {group: rbac.authorization.k8s.io, kind: RoleBinding}
{{- end }}
