{{- define "telecine.migrateContainer" -}}
name: migrate
image: {{ include "telecine.image" (dict "root" . "image" .Values.images.api) }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
command: [telecine, db, upgrade]
securityContext:
  {{- include "telecine.containerSecurity" . | nindent 2 }}
resources:
  requests: {cpu: 100m, memory: 256Mi}
  limits: {memory: 256Mi}
env:
  {{- include "telecine.placeEnv" . | nindent 2 }}
  {{- include "telecine.secretEnv" . | nindent 2 }}
volumeMounts:
  {{- include "telecine.scratchMounts" . | nindent 2 }}
{{- end }}
