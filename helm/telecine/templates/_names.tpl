{{/* Names, labels and images. Nothing here may put a chart version on a Ray pod: KubeRay would take
     the new label for a new cluster. */}}

{{- define "telecine.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{/* Of objects that may change with the chart: never of Ray pods. */}}
{{- define "telecine.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
app.kubernetes.io/name: telecine
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{ include "telecine.selector" . }}
{{- end }}

{{- define "telecine.meta" -}}
name: {{ include "telecine.name" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "telecine.labels" . | nindent 2 }}
{{- end }}

{{- define "telecine.name" -}}
{{ .root.Release.Name }}-{{ .part }}
{{- end }}

{{/* The RayService. KubeRay adds up to 16 characters to it for a cluster's name. */}}
{{- define "telecine.rayName" -}}
{{ .Release.Name }}-stages
{{- end }}

{{- define "telecine.serviceAccount" -}}
{{ .Values.serviceAccount.name | default .Release.Name }}
{{- end }}

{{- define "telecine.image" -}}
{{- $image := .image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* A number as it was written: Helm would make 16777216 into 1.6777216e+07. */}}
{{- define "telecine.scalar" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{/* Name of the one model, and its group with the defaults laid under it. */}}
{{- define "telecine.modelName" -}}
{{ keys .Values.generation.models | first }}
{{- end }}

{{- define "telecine.group" -}}
{{- $own := get .Values.generation.models (include "telecine.modelName" .) | default dict -}}
{{ mergeOverwrite (deepCopy .Values.generation.defaults) (deepCopy $own) | toYaml }}
{{- end }}

{{- define "telecine.numRanks" -}}
{{- $group := include "telecine.group" . | fromYaml -}}
{{ mul (int $group.hosts) (int $group.gpusPerHost) }}
{{- end }}

{{- define "telecine.groupName" -}}
generation-{{ include "telecine.modelName" . | replace "." "-" }}
{{- end }}

{{- define "telecine.otlpEndpoint" -}}
{{- if .Values.otel.collector.enabled -}}
http://{{ .Release.Name }}-otel:4318/v1/traces
{{- else -}}
{{ .Values.otel.endpoint }}
{{- end -}}
{{- end }}

{{- define "telecine.databaseSecret" -}}
{{ .Values.database.existingSecret | default (printf "%s-postgresql" .Release.Name) }}
{{- end }}

{{- define "telecine.databaseKey" -}}
{{ if .Values.database.existingSecret }}{{ .Values.database.key }}{{ else }}url{{ end }}
{{- end }}
