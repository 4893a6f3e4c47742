{{/* Telecine's settings, from one values tree: as variables for the API, as Serve args for the stages.
     Secrets are in neither: pods read them from existing secrets. */}}

{{/* Settings that the chart sets itself -> the value to set instead. */}}
{{- define "telecine.managedSettings" -}}
database_url: database.existingSecret
signing_key: files.signing_key_file
storage_url: storage.url
s3_endpoint_url: storage.endpointUrl
host: nothing, the API listens on every address of its pod
port: nothing, it is 8000
public_url: edge.host
model: generation.models
more_models: generation.models
model_folder: generation.models.*.weights
num_ranks: generation.models.*.hosts and gpusPerHost
gang_axes: generation.models.*.parallel
rank_device: generation.models.*.device
job_timeout_s: limits.maxJobSeconds
drain_s: limits.drainSeconds
screening_min_replicas: screening.replicas.min
screening_max_replicas: screening.replicas.max
moderation_min_replicas: moderation.replicas.min
moderation_max_replicas: moderation.replicas.max
generation_min_replicas: generation.models.*.gangs.min
generation_max_replicas: generation.models.*.gangs.max
otlp_endpoint: otel
data_dir: nothing, it is an emptyDir
drain_folder: nothing, the preStop hook needs it
log_folder: nothing, pods log to standard error
{{- end }}

{{/* Of every process that has no model of its own: with the default one's. */}}
{{- define "telecine.sharedSettings" -}}
{{ include "telecine.commonSettings" . }}
{{ include "telecine.modelSettings" (dict "root" . "model" (include "telecine.defaultModel" .)) }}
{{- end }}

{{/* Of the API: which models there are, and with what gangs. */}}
{{- define "telecine.apiSettings" -}}
{{ include "telecine.sharedSettings" . }}
{{- $more := list -}}
{{- range rest (include "telecine.modelNames" . | fromYamlArray) -}}
{{- $about := dict "root" $ "model" . -}}
{{- $gangs := (include "telecine.group" $about | fromYaml).gangs -}}
{{- $more = append $more (printf "%s=%sx%d" . (include "telecine.numRanks" $about) (int $gangs.max)) -}}
{{- end }}
{{- with $more }}
more_models: {{ join "," . | toJson }}
{{- end }}
{{- end }}

{{/* Takes root and model. */}}
{{- define "telecine.modelSettings" -}}
{{- $group := include "telecine.group" . | fromYaml -}}
{{- $parallel := $group.parallel -}}
model: {{ .model | toJson }}
num_ranks: {{ include "telecine.numRanks" . | toJson }}
rank_device: {{ $group.device | toJson }}
{{- if $parallel.tp }}
gang_axes: {{ printf "cfg%d x sp%d x tp%d" (int $parallel.cfg) (int $parallel.sp) (int $parallel.tp) | toJson }}
{{- end }}
generation_min_replicas: {{ include "telecine.scalar" $group.gangs.min | toJson }}
generation_max_replicas: {{ include "telecine.scalar" $group.gangs.max | toJson }}
{{- end }}

{{- define "telecine.commonSettings" -}}
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ include "telecine.scalar" $value | toJson }}
{{- end }}
storage_url: {{ .Values.storage.url | toJson }}
{{- with .Values.storage.endpointUrl }}
s3_endpoint_url: {{ . | toJson }}
{{- end }}
job_timeout_s: {{ include "telecine.scalar" .Values.limits.maxJobSeconds | toJson }}
drain_s: {{ include "telecine.scalar" .Values.limits.drainSeconds | toJson }}
screening_min_replicas: {{ include "telecine.scalar" .Values.screening.replicas.min | toJson }}
screening_max_replicas: {{ include "telecine.scalar" .Values.screening.replicas.max | toJson }}
moderation_min_replicas: {{ include "telecine.scalar" .Values.moderation.replicas.min | toJson }}
moderation_max_replicas: {{ include "telecine.scalar" .Values.moderation.replicas.max | toJson }}
{{- with include "telecine.otlpEndpoint" . }}
otlp_endpoint: {{ . | toJson }}
{{- end }}
{{- end }}

{{/* Paths of the files that a part gets. */}}
{{- define "telecine.fileSettings" -}}
{{- $part := include "telecine.stageOf" . -}}
{{- range $setting, $file := .root.Values.files }}
{{- if has $part $file.parts }}
{{ $setting }}: /etc/telecine/files/{{ $setting }}/{{ $file.key }}
{{- end }}
{{- end }}
{{- end }}

{{- define "telecine.fileMounts" -}}
{{- $part := include "telecine.stageOf" . -}}
{{- range $setting, $file := .root.Values.files }}
{{- if has $part $file.parts }}
- name: file-{{ $setting | replace "_" "-" }}
  mountPath: /etc/telecine/files/{{ $setting }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{- define "telecine.fileVolumes" -}}
{{- $part := include "telecine.stageOf" . -}}
{{- range $setting, $file := .root.Values.files }}
{{- if has $part $file.parts }}
- name: file-{{ $setting | replace "_" "-" }}
  {{- if $file.existingSecret }}
  secret:
    secretName: {{ $file.existingSecret }}
    defaultMode: 0440
    items: [{key: {{ $file.key | quote }}, path: {{ $file.key | quote }}}]
  {{- else }}
  configMap:
    name: {{ $file.existingConfigMap }}
    items: [{key: {{ $file.key | quote }}, path: {{ $file.key | quote }}}]
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What every process of ours reads from secrets, and where it may write. */}}
{{- define "telecine.secretEnv" -}}
- name: TELECINE_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "telecine.databaseSecret" . }}
      key: {{ include "telecine.databaseKey" . }}
{{- end }}

{{- define "telecine.storageEnv" -}}
{{- with .Values.storage.existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ . }}, key: AWS_ACCESS_KEY_ID}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: AWS_SECRET_ACCESS_KEY}}
{{- end }}
{{- with .Values.storage.region }}
- name: AWS_DEFAULT_REGION
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "telecine.placeEnv" -}}
- {name: HOME, value: /tmp}
- {name: TELECINE_DATA_DIR, value: /var/lib/telecine}
{{- end }}
