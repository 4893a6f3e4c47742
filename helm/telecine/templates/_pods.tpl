{{/* What pods share: the restricted Pod Security Standard, volumes that may be written, placement. */}}

{{- define "telecine.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "telecine.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* CPU is a request only: a limit would throttle a stage that could use an idle core. */}}
{{- define "telecine.resources" -}}
requests: {cpu: {{ .cpu | quote }}, memory: {{ .memory | quote }}}
limits: {memory: {{ .memory | quote }}}
{{- end }}

{{- define "telecine.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "telecine.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "telecine.scratchMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /var/lib/telecine}
{{- end }}

{{- define "telecine.scratchVolumes" -}}
- {name: tmp, emptyDir: {}}
- {name: data, emptyDir: {}}
{{- end }}

{{- define "telecine.blobMount" -}}
{{- if .Values.storage.volume.enabled }}
- {name: blobs, mountPath: /var/lib/telecine-blobs}
{{- end }}
{{- end }}

{{- define "telecine.blobVolume" -}}
{{- if .Values.storage.volume.enabled }}
- name: blobs
  persistentVolumeClaim:
    claimName: {{ .Values.storage.volume.existingClaim | default (printf "%s-blobs" .Release.Name) }}
{{- end }}
{{- end }}
