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

{{/* Made where a request names no model. */}}
{{- define "telecine.defaultModel" -}}
{{ .Values.generation.defaultModel | default (keys .Values.generation.models | sortAlpha | first) }}
{{- end }}

{{/* The default model first, then the others by name: a YAML list. */}}
{{- define "telecine.modelNames" -}}
{{- $first := include "telecine.defaultModel" . -}}
- {{ $first }}
{{- range without (keys .Values.generation.models | sortAlpha) $first }}
- {{ . }}
{{- end }}
{{- end }}

{{/* The parts that are stages, each with its stage, generation with a part for each model: a YAML
     list. The default model's part is `generation`, so that another model leaves it as it is. */}}
{{- define "telecine.stages" -}}
- {part: screening, stage: screening}
{{- range include "telecine.modelNames" . | fromYamlArray }}
- {part: {{ include "telecine.modelPart" (dict "root" $ "model" .) }}, stage: generation, model: {{ . }}}
{{- end }}
- {part: moderation, stage: moderation}
{{- end }}

{{/* Of the part: `generation` for every model's. */}}
{{- define "telecine.stageOf" -}}
{{ if hasPrefix "generation" .part }}generation{{ else }}{{ .part }}{{ end }}
{{- end }}

{{/* The following take root and model. */}}
{{- define "telecine.modelPart" -}}
{{- if eq .model (include "telecine.defaultModel" .root) -}}
generation
{{- else -}}
{{ include "telecine.groupName" . }}
{{- end -}}
{{- end }}

{{/* `NAME`, or `NAME-wan2-2-ti2v-5b` for what belongs to another than the default model. */}}
{{- define "telecine.nameOfModel" -}}
{{ .name }}{{ include "telecine.modelPart" . | trimPrefix "generation" }}
{{- end }}

{{- define "telecine.group" -}}
{{- $own := get .root.Values.generation.models .model | default dict -}}
{{ mergeOverwrite (deepCopy .root.Values.generation.defaults) (deepCopy $own) | toYaml }}
{{- end }}

{{- define "telecine.numRanks" -}}
{{- $group := include "telecine.group" . | fromYaml -}}
{{ mul (int $group.hosts) (int $group.gpusPerHost) }}
{{- end }}

{{- define "telecine.groupName" -}}
generation-{{ .model | replace "." "-" }}
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
