{{/* A host of a gang: its GPUs, its fast links, and the model before Ray starts. Everything here
     takes root and model. */}}

{{- define "telecine.generationPod" -}}
{{- $group := include "telecine.group" . | fromYaml -}}
{{- $isCuda := eq $group.device "cuda" -}}
{{- $resources := include "telecine.resources" $group.resources | fromYaml -}}
{{- $claims := list -}}
{{- if and $isCuda $group.dra.enabled -}}
{{- $own := include "telecine.name" (dict "root" .root "part" (include "telecine.nameOfModel" (merge (dict "name" "gpus") .))) -}}
{{- $template := $group.dra.existingClaimTemplate | default $own -}}
{{- $claims = list (dict "name" "gpus" "resourceClaimTemplateName" $template) -}}
{{- $_ := set $resources "claims" (list (dict "name" "gpus")) -}}
{{- else if $isCuda -}}
{{- $_ := set $resources.limits $group.gpuResource (int $group.gpusPerHost | toString) -}}
{{- end -}}
{{- range $name, $count := $group.extraResources -}}
{{- $_ := set $resources.limits $name ($count | toString) -}}
{{- end -}}
{{- $mounts := list (dict "name" "models" "mountPath" "/var/cache/telecine/models" "readOnly" true) -}}
{{- include "telecine.rayPod" (dict
      "root" .root "part" (include "telecine.modelPart" .) "stage" $group "device" $group.device
      "resources" $resources "claims" $claims "sharedMemory" $group.sharedMemory
      "env" $group.extraEnv "mounts" $mounts
      "volumes" (list (include "telecine.modelVolume" . | fromYaml))
      "init" (include "telecine.weightsInit" . | fromYamlArray)
      "affinity" (include "telecine.gangAffinity" . | fromYaml)) -}}
{{- end }}

{{- define "telecine.modelVolume" -}}
{{- $cache := (include "telecine.group" . | fromYaml).weights.cache -}}
name: models
{{- if eq $cache.type "pvc" }}
persistentVolumeClaim: {claimName: {{ $cache.existingClaim }}}
{{- else if eq $cache.type "hostPath" }}
hostPath: {path: {{ $cache.path }}, type: DirectoryOrCreate}
{{- else if eq $cache.type "ephemeral" }}
ephemeral:
  volumeClaimTemplate:
    spec:
      accessModes: [ReadWriteOnce]
      {{- with $cache.storageClassName }}
      storageClassName: {{ . }}
      {{- end }}
      resources: {requests: {storage: {{ $cache.size }}}}
{{- else }}
emptyDir: {sizeLimit: {{ $cache.size }}}
{{- end }}
{{- end }}

{{- define "telecine.weightsCommand" -}}
{{- $source := (include "telecine.group" . | fromYaml).weights.source -}}
{{- if eq .model "embedded" -}}
[telecine, models, write-embedded, {{ include "telecine.modelFolder" . }}]
{{- else if $source -}}
[telecine, models, fetch, {{ $source | quote }}, {{ include "telecine.modelFolder" . }}]
{{- end -}}
{{- end }}

{{- define "telecine.weightsContainer" -}}
name: weights
image: {{ include "telecine.image" (dict "root" .root "image" .root.Values.images.worker) }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
command: {{ include "telecine.weightsCommand" . }}
securityContext:
  {{- include "telecine.containerSecurity" .root | nindent 2 }}
resources:
  requests: {cpu: "1", memory: 2Gi}
  limits: {memory: 2Gi}
env:
  {{- include "telecine.placeEnv" .root | nindent 2 }}
  - {name: HF_HUB_OFFLINE, value: "1"}
  {{- with .root.Values.storage.endpointUrl }}
  - {name: TELECINE_S3_ENDPOINT_URL, value: {{ . | quote }}}
  {{- end }}
  {{- include "telecine.storageEnv" .root | nindent 2 }}
volumeMounts:
  {{- include "telecine.scratchMounts" .root | nindent 2 }}
  - {name: models, mountPath: /var/cache/telecine/models}
{{- end }}

{{- define "telecine.weightsInit" -}}
{{- if include "telecine.weightsCommand" . -}}
- {{- include "telecine.weightsContainer" . | nindent 2 }}
{{- else -}}
[]
{{- end -}}
{{- end }}
