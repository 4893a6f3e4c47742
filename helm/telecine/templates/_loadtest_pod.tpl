{{/* Takes the root. */}}
{{- define "telecine.loadTestPod" -}}
{{- $settings := include "telecine.sharedSettings" $ | fromYaml -}}
{{- $about := dict "root" $ "model" (.Values.loadTest.model | default (include "telecine.defaultModel" .)) -}}
{{- $group := include "telecine.group" $about | fromYaml -}}
{{- with .Values.loadTest -}}
metadata:
  labels:
    {{- include "telecine.selector" (dict "root" $ "part" "loadtest") | nindent 4 }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "telecine.serviceAccount" $ }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- include "telecine.podSecurity" $ | nindent 4 }}
  {{- include "telecine.pullSecrets" $ | nindent 2 }}
  {{- include "telecine.placement" . | nindent 2 }}
  containers:
    - name: loadtest
      image: {{ include "telecine.image" (dict "root" $ "image" $.Values.images.api) }}
      imagePullPolicy: {{ $.Values.images.pullPolicy }}
      workingDir: /opt/loadtests
      command:
        - python
        - -m
        - loadtests.replay
        - --url=http://{{ include "telecine.name" (dict "root" $ "part" "api") }}:8000
        - --allow-remote
        - --model={{ $about.model }}
        - --num-jobs={{ int .numJobs }}
        {{- range .ratesPerMinute }}
        - --rate-per-minute={{ . }}
        {{- end }}
        {{- if .goodput }}
        - --goodput={{ .goodput }}
        - --runs={{ int .searchRuns }}
        {{- end }}
        - --within={{ .within }}
        - --cv={{ .cv }}
        - --seed={{ int .seed }}
        {{- range .sizes }}
        - --size={{ . }}
        {{- end }}
        {{- range .seconds }}
        - --seconds={{ int . }}
        {{- end }}
        - --timeout-s={{ int .jobTimeoutSeconds }}
        - --gpus={{ include "telecine.numRanks" $about }}
        - --gpu-hour-price={{ .gpuHourPrice }}
        {{- if .download }}
        - --download
        {{- end }}
        - --note={{ $.Release.Name }}, {{ int $group.gangs.min }} to {{ int $group.gangs.max }} gangs of {{ $about.model }}
        {{- if eq .report "bucket" }}
        - --publish
        {{- end }}
        {{- if .apiKeySecret }}
        - --api-key-file=/etc/telecine/api-key/key
        {{- end }}
      securityContext:
        {{- include "telecine.containerSecurity" $ | nindent 8 }}
      resources:
        {{- include "telecine.resources" .resources | nindent 8 }}
      env:
        {{- include "telecine.placeEnv" $ | nindent 8 }}
        {{- if eq .report "bucket" }}
        - {name: TELECINE_STORAGE_URL, value: {{ $settings.storage_url | quote }}}
        {{- with $settings.s3_endpoint_url }}
        - {name: TELECINE_S3_ENDPOINT_URL, value: {{ . | quote }}}
        {{- end }}
        {{- include "telecine.storageEnv" $ | nindent 8 }}
        {{- end }}
      volumeMounts:
        {{- include "telecine.scratchMounts" $ | nindent 8 }}
        {{- if eq .report "bucket" }}
        {{- include "telecine.blobMount" $ | nindent 8 }}
        {{- end }}
        {{- if .apiKeySecret }}
        - {name: api-key, mountPath: /etc/telecine/api-key, readOnly: true}
        {{- end }}
  volumes:
    {{- include "telecine.scratchVolumes" $ | nindent 4 }}
    {{- if eq .report "bucket" }}
    {{- include "telecine.blobVolume" $ | nindent 4 }}
    {{- end }}
    {{- with .apiKeySecret }}
    - {name: api-key, secret: {secretName: {{ . }}, defaultMode: 0440}}
    {{- end }}
{{- end }}
{{- end }}
