{{/* Gang scheduling: what KubeRay, or Kueue, reads to start a cluster's pods together or not at all.
     On the RayService's metadata, which KubeRay hands on and does not hash. */}}

{{- define "telecine.gangLabels" -}}
{{- $queue := .Values.scheduling.queue -}}
{{- if eq .Values.scheduling.gang "kueue" }}
kueue.x-k8s.io/queue-name: {{ $queue }}
{{- else if eq .Values.scheduling.gang "volcano" }}
ray.io/scheduler-name: volcano
{{- with $queue }}
volcano.sh/queue-name: {{ . }}
{{- end }}
{{- else if eq .Values.scheduling.gang "yunikorn" }}
ray.io/gang-scheduling-enabled: "true"
yunikorn.apache.org/app-id: {{ include "telecine.rayName" . }}
yunikorn.apache.org/queue: {{ $queue }}
{{- else if eq .Values.scheduling.gang "kai" }}
kai.scheduler/queue: {{ $queue }}
{{- end }}
{{- end }}

{{- define "telecine.gangAnnotations" -}}
{{- if and (eq .Values.scheduling.gang "kueue") .Values.scheduling.kueueElastic -}}
kueue.x-k8s.io/elastic-job: "true"
{{- end -}}
{{- end }}

{{/* Hosts of the group close to each other, where the nodes say what is close. Takes root, model. */}}
{{- define "telecine.gangAffinity" -}}
{{- with .root.Values.scheduling.topologyKey -}}
podAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: {{ . }}
        labelSelector:
          matchLabels:
            {{- include "telecine.selector" (dict "root" $.root "part" (include "telecine.modelPart" $)) | nindent 12 }}
{{- end -}}
{{- end }}
