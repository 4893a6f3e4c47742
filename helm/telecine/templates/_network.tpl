{{/* Pieces of network policies. */}}

{{- define "telecine.namespace" -}}
{{- if . -}}
matchLabels: {kubernetes.io/metadata.name: {{ . }}}
{{- else -}}
matchLabels: {}
{{- end -}}
{{- end }}

{{- define "telecine.egressTo" -}}
- to:
    {{- range .cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
  ports:
    {{- range .ports }}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
{{- end }}

{{- define "telecine.egressDns" -}}
- to:
    - namespaceSelector:
        {{- include "telecine.namespace" .Values.networkPolicy.dnsNamespace | nindent 8 }}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}

{{- define "telecine.egressDatabase" -}}
{{- if .Values.postgresql.enabled -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "telecine.selector" (dict "root" . "part" "postgresql") | nindent 10 }}
  ports: [{port: postgresql, protocol: TCP}]
{{- else -}}
{{- with .Values.networkPolicy.database -}}
{{- include "telecine.egressTo" (dict "cidrs" .cidrs "ports" (list .port)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "telecine.egressStorage" -}}
{{- if not .Values.storage.volume.enabled -}}
{{- include "telecine.egressTo" .Values.networkPolicy.storage -}}
{{- end -}}
{{- if .Values.networkPolicy.metadata }}
- to: [{ipBlock: {cidr: 169.254.169.254/32}}, {ipBlock: {cidr: 169.254.169.252/32}}]
  ports: [{port: 80, protocol: TCP}, {port: 988, protocol: TCP}]
{{- end }}
{{- end }}

{{- define "telecine.egressTraces" -}}
{{- if .Values.otel.collector.enabled -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "telecine.selector" (dict "root" . "part" "otel") | nindent 10 }}
  ports: [{port: otlp, protocol: TCP}]
{{- else if .Values.otel.endpoint -}}
- to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]
  ports: [{port: {{ include "telecine.urlPort" .Values.otel.endpoint }}, protocol: TCP}]
{{- end -}}
{{- end }}

{{- define "telecine.urlPort" -}}
{{- $parts := urlParse . -}}
{{- if contains ":" $parts.host }}{{ splitList ":" $parts.host | last }}{{ else if eq $parts.scheme "https" }}443{{ else }}80{{ end -}}
{{- end }}

{{- define "telecine.ingressMonitoring" -}}
{{- with .Values.networkPolicy.monitoringNamespace -}}
- from:
    - namespaceSelector:
        {{- include "telecine.namespace" . | nindent 8 }}
  ports: [{port: metrics, protocol: TCP}]
{{- end -}}
{{- end }}

{{/* Pods that a stage exchanges Ray's traffic with. */}}
{{- define "telecine.peers" -}}
{{- $parts := list "head" .part -}}
{{- if not .root.Values.networkPolicy.separateStages -}}
{{- $parts = list "head" -}}
{{- range include "telecine.stages" .root | fromYamlArray }}{{ $parts = append $parts .part }}{{ end -}}
{{- end -}}
{{- range $parts }}
- podSelector:
    matchLabels:
      {{- include "telecine.selector" (dict "root" $.root "part" .) | nindent 6 }}
{{- end }}
{{- end }}
