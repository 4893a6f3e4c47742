{{/* A Ray pod. No label or annotation here may change unless the pod has to: KubeRay hashes it.

     Takes root, part (head, screening, moderation, or a model's generation), stage (its values), env, mounts,
     volumes, init, limits (each a list or map, may be empty). */}}

{{- define "telecine.rayPod" -}}
{{- $values := .root.Values -}}
metadata:
  labels:
    {{- include "telecine.selector" . | nindent 4 }}
  annotations:
    cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
    karpenter.sh/do-not-disrupt: "true"
    {{- with .stage.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "telecine.serviceAccount" .root }}
  automountServiceAccountToken: {{ eq .part "head" }}
  {{- if ne .part "head" }}
  restartPolicy: Never
  {{- end }}
  terminationGracePeriodSeconds: {{ int $values.limits.graceSeconds }}
  enableServiceLinks: false
  securityContext:
    {{- include "telecine.podSecurity" . | nindent 4 }}
  {{- include "telecine.pullSecrets" .root | nindent 2 }}
  {{- include "telecine.placement" .stage | nindent 2 }}
  {{- with .affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .init }}
  initContainers: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .claims }}
  resourceClaims: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ if eq .part "head" }}ray-head{{ else }}ray-worker{{ end }}
      image: {{ include "telecine.image" (dict "root" .root "image" $values.images.worker) }}
      imagePullPolicy: {{ $values.images.pullPolicy }}
      securityContext:
        {{- include "telecine.containerSecurity" . | nindent 8 }}
      resources: {{- toYaml .resources | nindent 8 }}
      env:
        {{- include "telecine.placeEnv" .root | nindent 8 }}
        {{- if ne .part "head" }}
        - {name: TELECINE_DRAIN_FOLDER, value: /var/lib/telecine/drain}
        {{- end }}
        - {name: HF_HUB_OFFLINE, value: "1"}
        - {name: TOKENIZERS_PARALLELISM, value: "false"}
        - {name: DS_ACCELERATOR, value: {{ .device | default "cpu" }}}
        - {name: RAY_USAGE_STATS_ENABLED, value: "0"}
        {{- include "telecine.secretEnv" .root | nindent 8 }}
        {{- if ne .part "head" }}
        {{- include "telecine.storageEnv" .root | nindent 8 }}
        {{- end }}
        {{- with .env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: metrics, containerPort: 8080}
        {{- if eq .part "head" }}
        - {name: gcs-server, containerPort: 6379}
        - {name: dashboard, containerPort: 8265}
        - {name: serve, containerPort: 8000}
        {{- end }}
      # Ours on purpose: KubeRay's own asks for Serve's HTTP proxy, which is off, and would leave
      # every host of a gang but the first unready. These paths need no token.
      startupProbe:
        httpGet: {path: /api/local_raylet_healthz, port: 52365}
        periodSeconds: 5
        failureThreshold: 60
      readinessProbe:
        httpGet: {path: /api/local_raylet_healthz, port: 52365}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      livenessProbe:
        httpGet: {path: /api/local_raylet_healthz, port: 52365}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 12
      lifecycle:
        preStop:
          exec:
            command:
              - python
              - -m
              - telecine_serve.pod_drain
              {{- if eq .part "head" }}
              - --head
              {{- end }}
              - --timeout-s={{ int $values.limits.drainSeconds }}
      volumeMounts:
        {{- include "telecine.scratchMounts" .root | nindent 8 }}
        - {name: shm, mountPath: /dev/shm}
        {{- if ne .part "head" }}
        {{- include "telecine.blobMount" .root | nindent 8 }}
        {{- include "telecine.fileMounts" . | nindent 8 }}
        {{- end }}
        {{- with .mounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "telecine.scratchVolumes" .root | nindent 4 }}
    - {name: shm, emptyDir: {medium: Memory, sizeLimit: {{ .sharedMemory | default "1Gi" }}}}
    {{- if ne .part "head" }}
    {{- include "telecine.blobVolume" .root | nindent 4 }}
    {{- include "telecine.fileVolumes" . | nindent 4 }}
    {{- end }}
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Smallest and largest number of pods for `replicas`, `perPod` of them in each. */}}
{{- define "telecine.podCount" -}}
{{ div (add (int .replicas) (sub (int .perPod) 1)) (int .perPod) }}
{{- end }}

{{/* Ray counts whole CPUs. */}}
{{- define "telecine.logicalCpus" -}}
{{ div (add (include "telecine.millicores" . | int) 999) 1000 | toString }}
{{- end }}

{{/* The mark of a group's nodes: a replica takes one, so a pod holds replicasPerPod of them. */}}
{{- define "telecine.mark" -}}
telecine_{{ .part | replace "-" "_" }}
{{- end }}
