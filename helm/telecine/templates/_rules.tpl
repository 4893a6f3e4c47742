{{/* What no schema can say: rules between values. Each fails with a sentence. Rendered with the
     RayService, so that no release is made that breaks one. */}}

{{- define "telecine.rules" -}}
{{- include "telecine.ruleModels" . -}}
{{- include "telecine.ruleNames" . -}}
{{- include "telecine.ruleSettings" . -}}
{{- include "telecine.ruleLimits" . -}}
{{- include "telecine.ruleStores" . -}}
{{- include "telecine.ruleGangs" . -}}
{{- include "telecine.ruleStages" . -}}
{{- include "telecine.ruleScheduling" . -}}
{{- include "telecine.ruleEdge" . -}}
{{- include "telecine.ruleLoadTest" . -}}
{{- end }}

{{/* KubeRay refuses RayServices of more than 47 characters: its own names come behind. */}}
{{- define "telecine.ruleNames" -}}
{{- $name := include "telecine.rayName" . -}}
{{- if gt (len $name) 47 -}}
{{- fail (printf "the release name %q makes the RayService %q of %d characters; KubeRay takes at most 47: use a name of at most %d" .Release.Name $name (len $name) (sub 47 (len "-stages") | int)) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .Release.Name) -}}
{{- fail (printf "the release name %q must start with a letter and hold no dots: it becomes the name of services" .Release.Name) -}}
{{- end -}}
{{- end }}

{{/* Which models there are, and which of them is made where a request names none. */}}
{{- define "telecine.ruleModels" -}}
{{- if not .Values.generation.models -}}
{{- fail "generation.models is empty: name the model, as `wan2.1-t2v-14b: {hosts: 1, gpusPerHost: 8}`; profiles/ has two complete sets of values" -}}
{{- end -}}
{{- $names := keys .Values.generation.models | sortAlpha -}}
{{- $default := .Values.generation.defaultModel -}}
{{- if and (gt (len $names) 1) (not $default) -}}
{{- fail (printf "generation.models has %s: say in generation.defaultModel which of them a request without a model means" (join " and " $names)) -}}
{{- end -}}
{{- if and $default (not (has $default $names)) -}}
{{- fail (printf "generation.defaultModel is %s, but generation.models has only %s" $default (join " and " $names)) -}}
{{- end -}}
{{- range include "telecine.stages" . | fromYamlArray -}}
{{- $name := include "telecine.name" (dict "root" $ "part" .part) -}}
{{- if gt (len $name) 63 -}}
{{- fail (printf "the release name %q makes %q of %d characters, and a name has 63 at most: use a release name of at most %d" $.Release.Name $name (len $name) (sub 62 (len .part) | int)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "telecine.ruleSettings" -}}
{{- $managed := include "telecine.managedSettings" . | fromYaml -}}
{{- range $name, $value := .Values.settings -}}
{{- with get $managed $name -}}
{{- fail (printf "settings.%s is set by the chart itself: use %s" $name .) -}}
{{- end -}}
{{- if hasSuffix "_file" $name -}}
{{- fail (printf "settings.%s names a file that no pod has: put it under files, with the secret or config map that holds it" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $file := .Values.files -}}
{{- if eq (not $file.existingSecret) (not $file.existingConfigMap) -}}
{{- fail (printf "files.%s needs one of existingSecret and existingConfigMap" $name) -}}
{{- end -}}
{{- if and $file.existingConfigMap (contains "key" $name) (not (contains "public" $name)) -}}
{{- fail (printf "files.%s looks like a key: it belongs in a secret, not in a config map" $name) -}}
{{- end -}}
{{- end -}}
{{- include "telecine.ruleSigning" . -}}
{{- $isOpen := not (or (hasKey .Values.files "api_keys_file") .Values.settings.oidc_issuer) -}}
{{- if and $isOpen (not .Values.allowAnonymous) -}}
{{- fail "nobody would be asked who they are: set files.api_keys_file or the settings oidc_issuer, oidc_audience and oidc_jwks, or say allowAnonymous: true" -}}
{{- end -}}
{{- if and (hasKey .Values.files "webhook_keys_file") (has "generation" (get .Values.files "webhook_keys_file").parts) -}}
{{- fail "files.webhook_keys_file opens the tenants' webhook secrets: only the api part needs it" -}}
{{- end -}}
{{- if and (hasKey .Values.files "api_keys_file") (not (has "api" (get .Values.files "api_keys_file").parts)) -}}
{{- fail "files.api_keys_file must have api among its parts: without it the API would ask nobody for a key" -}}
{{- end -}}
{{- end }}

{{/* Moderation releases nothing that it cannot mark and sign. */}}
{{- define "telecine.ruleSigning" -}}
{{- range $name := list "mark_keys_file" "signing_certificates_file" -}}
{{- if not (has "moderation" (get $.Values.files $name | default dict).parts) -}}
{{- fail (printf "files.%s is missing for moderation, and it releases no clip without: `telecine certificates FOLDER` makes development ones, docs/provenance.md says what a release needs" $name) -}}
{{- end -}}
{{- end -}}
{{- $key := get .Values.files "signing_key_file" | default dict -}}
{{- if eq (not $key) (not .Values.settings.signing_service) -}}
{{- fail "signing needs exactly one of files.signing_key_file and the setting signing_service" -}}
{{- end -}}
{{- if and $key (ne (join "," $key.parts) "moderation") -}}
{{- fail "files.signing_key_file signs in the operator's name: its parts must be [moderation] and nothing else" -}}
{{- end -}}
{{- end }}

{{/* Longest job < drain <= grace - 30 s, and the old cluster lives as long as the drain. */}}
{{- define "telecine.ruleLimits" -}}
{{- with .Values.limits -}}
{{- if le (int .drainSeconds) (int .maxJobSeconds) -}}
{{- fail (printf "limits.drainSeconds (%d) must exceed limits.maxJobSeconds (%d), or a drain kills the longest job" (int .drainSeconds) (int .maxJobSeconds)) -}}
{{- end -}}
{{- if lt (int .graceSeconds) (add (int .drainSeconds) 30 | int) -}}
{{- fail (printf "limits.graceSeconds (%d) must be at least limits.drainSeconds + 30 (%d), or Kubernetes kills pods that drain" (int .graceSeconds) (add (int .drainSeconds) 30 | int)) -}}
{{- end -}}
{{- if lt (int .clusterDeletionDelaySeconds) (int .drainSeconds) -}}
{{- fail (printf "limits.clusterDeletionDelaySeconds (%d) must be at least limits.drainSeconds (%d), or an upgrade kills the old cluster's jobs" (int .clusterDeletionDelaySeconds) (int .drainSeconds)) -}}
{{- end -}}
{{- end -}}
{{- $settings := .Values.settings -}}
{{- $lease := float64 ($settings.lease_s | default 15) -}}
{{- if gt (mulf 2 (float64 ($settings.heartbeat_s | default 3))) $lease -}}
{{- fail (printf "settings.lease_s (%v) must be at least twice settings.heartbeat_s (%v), or one late heartbeat loses the job" $lease ($settings.heartbeat_s | default 3)) -}}
{{- end -}}
{{- end }}

{{- define "telecine.ruleStores" -}}
{{- $volume := .Values.storage.volume.enabled -}}
{{- if and .Values.postgresql.enabled .Values.database.existingSecret -}}
{{- fail "database.existingSecret and postgresql.enabled exclude each other: which database is meant?" -}}
{{- end -}}
{{- if not (or .Values.postgresql.enabled .Values.database.existingSecret) -}}
{{- fail "no database: set database.existingSecret to a secret that holds its URL, or postgresql.enabled for a trial" -}}
{{- end -}}
{{- if and .Values.postgresql.enabled (not .Values.postgresql.password) -}}
{{- fail "postgresql.password is empty: pass one, as --set postgresql.password=...; the chart makes up none, or every render would change it" -}}
{{- end -}}
{{- if and .Values.postgresql.enabled (eq .Values.database.migrate "job") -}}
{{- fail "database.migrate: job runs before the release's own PostgreSQL exists: use initContainer with postgresql.enabled" -}}
{{- end -}}
{{- if and $volume (not (hasPrefix "file:///var/lib/telecine-blobs" .Values.storage.url)) -}}
{{- fail (printf "storage.volume is mounted at /var/lib/telecine-blobs, but storage.url is %q: use file:///var/lib/telecine-blobs" .Values.storage.url) -}}
{{- end -}}
{{- if and (not $volume) (not (hasPrefix "s3://" .Values.storage.url)) -}}
{{- fail (printf "storage.url is %q: use s3://bucket/prefix, or storage.volume for a trial" .Values.storage.url) -}}
{{- end -}}
{{- if and (not $volume) (not .Values.storage.existingSecret) (not .Values.serviceAccount.annotations) .Values.serviceAccount.create -}}
{{- if .Values.storage.endpointUrl -}}
{{- fail "storage.endpointUrl names a service that knows no IAM roles: set storage.existingSecret to its keys" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "telecine.ruleStages" -}}
{{- range $part := list "screening" "moderation" -}}
{{- $stage := get $.Values $part -}}
{{- if gt (int $stage.replicas.min) (int $stage.replicas.max) -}}
{{- fail (printf "%s.replicas.min (%d) must not exceed %s.replicas.max (%d)" $part (int $stage.replicas.min) $part (int $stage.replicas.max)) -}}
{{- end -}}
{{- $pods := include "telecine.podCount" (dict "replicas" $stage.replicas.min "perPod" $stage.replicasPerPod) | int -}}
{{- if and (gt (int $stage.pdbMinAvailable) 0) (ge (int $stage.pdbMinAvailable) $pods) -}}
{{- fail (printf "%s.pdbMinAvailable (%d) must be below the %d pods that the stage always has, or no node can be drained: raise %s.replicas.min, or set 0" $part (int $stage.pdbMinAvailable) $pods $part) -}}
{{- end -}}
{{- end -}}
{{- range $model := include "telecine.modelNames" . | fromYamlArray -}}
{{- $group := include "telecine.group" (dict "root" $ "model" $model) | fromYaml -}}
{{- if and (gt (int $group.pdbMinAvailable) 0) (ge (int $group.pdbMinAvailable) (int $group.gangs.min)) -}}
{{- fail (printf "generation.models.%s: pdbMinAvailable (%d) must be below gangs.min (%d), or no node can be drained; or set 0" $model (int $group.pdbMinAvailable) (int $group.gangs.min)) -}}
{{- end -}}
{{- end -}}
{{- $api := .Values.api -}}
{{- $least := ternary (int $api.autoscaling.minReplicas) (int $api.replicas) $api.autoscaling.enabled -}}
{{- if ge (int $api.pdbMinAvailable) $least -}}
{{- fail (printf "api.pdbMinAvailable (%d) must be below the %d API pods, or no node can be drained" (int $api.pdbMinAvailable) $least) -}}
{{- end -}}
{{- if and $api.autoscaling.enabled (gt (int $api.autoscaling.minReplicas) (int $api.autoscaling.maxReplicas)) -}}
{{- fail (printf "api.autoscaling.minReplicas (%d) must not exceed maxReplicas (%d)" (int $api.autoscaling.minReplicas) (int $api.autoscaling.maxReplicas)) -}}
{{- end -}}
{{- end }}

{{- define "telecine.ruleScheduling" -}}
{{- with .Values.scheduling -}}
{{- if and (has .gang (list "kueue" "yunikorn" "kai")) (not .queue) -}}
{{- fail (printf "scheduling.gang: %s needs scheduling.queue" .gang) -}}
{{- end -}}
{{- if and (eq .gang "kueue") $.Values.ray.autoscaler.enabled (not .kueueElastic) -}}
{{- fail "scheduling.gang: kueue admits clusters of a fixed size: set ray.autoscaler.enabled: false, or scheduling.kueueElastic: true if your Kueue has workload slices" -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.ray.auth.mode "disabled") (not .Values.networkPolicy.enabled) -}}
{{- fail "ray.auth.mode: disabled lets whoever reaches a port of Ray run code in it: keep token, or keep networkPolicy.enabled" -}}
{{- end -}}
{{- if and (eq .Values.ray.auth.mode "disabled") .Values.ray.auth.existingSecret -}}
{{- fail "ray.auth.existingSecret holds a token, but ray.auth.mode is disabled" -}}
{{- end -}}
{{- end }}

{{- define "telecine.ruleEdge" -}}
{{- with .Values.edge -}}
{{- if and .ingress.enabled .gateway.enabled -}}
{{- fail "edge.ingress and edge.gateway are two ways in: enable one" -}}
{{- end -}}
{{- if and (or .ingress.enabled .gateway.enabled) (not .host) -}}
{{- fail "edge.host is empty: name the host that callers use" -}}
{{- end -}}
{{- if and .ingress.enabled (not .tls.existingSecret) (not .tls.allowPlain) -}}
{{- fail "edge.tls.existingSecret is empty: API keys would travel in the clear; name a certificate's secret, or say edge.tls.allowPlain: true" -}}
{{- end -}}
{{- if and .gateway.enabled (not .gateway.parentRefs) -}}
{{- fail "edge.gateway.parentRefs is empty: name the Gateway that takes the route" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.otel.collector.enabled (not .Values.otel.collector.exportTo) -}}
{{- fail "otel.collector.exportTo is empty: name the OTLP/HTTP endpoint that the collector sends to" -}}
{{- end -}}
{{- if and .Values.otel.collector.enabled .Values.otel.endpoint -}}
{{- fail "otel.endpoint and otel.collector.enabled exclude each other: the release's own collector is the endpoint" -}}
{{- end -}}
{{- end }}

{{- define "telecine.ruleLoadTest" -}}
{{- $hasKeys := hasKey .Values.files "api_keys_file" -}}
{{- $names := keys .Values.generation.models | sortAlpha -}}
{{- with .Values.loadTest -}}
{{- if and .model (not (has .model $names)) -}}
{{- fail (printf "loadTest.model is %s, but generation.models has only %s" .model (join " and " $names)) -}}
{{- end -}}
{{- if and .enabled $hasKeys (not .apiKeySecret) -}}
{{- fail "loadTest.apiKeySecret is empty, and the API asks for keys: name a secret that holds one under `key`" -}}
{{- end -}}
{{- if and .goodput (lt (len .ratesPerMinute) 2) -}}
{{- fail (printf "loadTest.goodput (%v) looks between two rates: loadTest.ratesPerMinute has %d" .goodput (len .ratesPerMinute)) -}}
{{- end -}}
{{- end -}}
{{- end }}
