{{/* Rules of each model's gangs: sizes, the division of the work, where the weights come from. */}}

{{- define "telecine.ruleGangs" -}}
{{- range include "telecine.modelNames" . | fromYamlArray -}}
{{- include "telecine.ruleGang" (dict "root" $ "model" .) -}}
{{- end -}}
{{- end }}

{{- define "telecine.ruleGang" -}}
{{- $name := .model -}}
{{- $group := include "telecine.group" . | fromYaml -}}
{{- $ranks := include "telecine.numRanks" . | int -}}
{{- $perHost := int $group.gpusPerHost -}}
{{- if and (int $group.ranks) (ne (int $group.ranks) $ranks) -}}
{{- fail (printf "generation.models.%s: ranks is %d, but hosts %d x gpusPerHost %d are %d" $name (int $group.ranks) (int $group.hosts) $perHost $ranks) -}}
{{- end -}}
{{- if gt (int $group.gangs.min) (int $group.gangs.max) -}}
{{- fail (printf "generation.models.%s: gangs.min (%d) must not exceed gangs.max (%d)" $name (int $group.gangs.min) (int $group.gangs.max)) -}}
{{- end -}}
{{- $geometry := get (include "telecine.geometry" . | fromYaml) $name -}}
{{- include "telecine.ruleParallel" (dict "name" $name "group" $group "ranks" $ranks "geometry" $geometry) -}}
{{- if and (eq $group.device "cuda") (eq $name "embedded") -}}
{{- fail "generation.models.embedded is for CPUs: set device: cpu" -}}
{{- end -}}
{{- $isEmbedded := eq $name "embedded" -}}
{{- $cache := $group.weights.cache -}}
{{- if and $isEmbedded $group.weights.source -}}
{{- fail "generation.models.embedded ships with the image: weights.source must be empty" -}}
{{- end -}}
{{- if and (not $isEmbedded) (not $group.weights.source) (has $cache.type (list "emptyDir" "ephemeral")) -}}
{{- fail (printf "generation.models.%s: a cache of type %s starts empty, so weights.source must say where the model is, as s3://bucket/models/%s" $name $cache.type $name) -}}
{{- end -}}
{{- if and (eq $cache.type "pvc") (not $cache.existingClaim) -}}
{{- fail (printf "generation.models.%s: weights.cache.existingClaim is empty: a shared cache is a claim that exists and that many nodes can mount" $name) -}}
{{- end -}}
{{- if and $cache.prefetchJob (or (ne $cache.type "pvc") (not $group.weights.source)) -}}
{{- fail (printf "generation.models.%s: weights.cache.prefetchJob fills a cache of type pvc from weights.source; other caches are filled by each pod" $name) -}}
{{- end -}}
{{- if and (eq $cache.type "hostPath") (not $cache.allowHostPath) -}}
{{- fail (printf "generation.models.%s: a hostPath cache breaks the restricted Pod Security Standard; use ephemeral or pvc, or say weights.cache.allowHostPath: true and label the namespace baseline-exempt" $name) -}}
{{- end -}}
{{- if and (eq $group.device "cpu") $group.dra.enabled -}}
{{- fail (printf "generation.models.%s: dra claims GPUs, but device is cpu" $name) -}}
{{- end -}}
{{- $cpu := include "telecine.millicores" $group.resources.cpu | int -}}
{{- $needed := add (mul $perHost 1000) 100 | int -}}
{{- if lt $cpu $needed -}}
{{- fail (printf "generation.models.%s: resources.cpu (%v) must be at least %d.1: one for each of the host's %d ranks and a tenth for the replica" $name $group.resources.cpu $perHost $perHost) -}}
{{- end -}}
{{- end }}

{{/* telecine_serve/parallel/legal.py: what the engine can run. Chosen axes must be legal; without a
     choice at least one division must be. */}}
{{- define "telecine.ruleParallel" -}}
{{- $parallel := .group.parallel -}}
{{- $cfg := int $parallel.cfg -}}{{- $sp := int $parallel.sp -}}{{- $tp := int $parallel.tp -}}
{{- $nodeSize := int .group.gpusPerHost -}}
{{- if eq .group.device "cpu" -}}{{- $nodeSize = .ranks -}}{{- end -}}
{{- $where := printf "generation.models.%s" .name -}}
{{- if or $cfg $sp $tp -}}
{{- if not (and $cfg $sp $tp) -}}
{{- fail (printf "%s: parallel needs all of cfg, sp and tp, or none, and then the gang plans for itself" $where) -}}
{{- end -}}
{{- if ne (mul $cfg $sp $tp | int) .ranks -}}
{{- fail (printf "%s: parallel cfg %d x sp %d x tp %d is %d ranks, but hosts x gpusPerHost are %d" $where $cfg $sp $tp (mul $cfg $sp $tp | int) .ranks) -}}
{{- end -}}
{{- if mod $nodeSize $tp -}}
{{- fail (printf "%s: tp %d would cross hosts of %d GPUs; tp has to divide them" $where $tp $nodeSize) -}}
{{- end -}}
{{- with .geometry -}}
{{- if mod (int .heads) (mul $sp $tp | int) -}}
{{- fail (printf "%s: %d heads do not divide over tp %d x sp %d" $where (int .heads) $tp $sp) -}}
{{- end -}}
{{- if mod (int .ffnWidth) $tp -}}
{{- fail (printf "%s: the feed-forward width %d does not divide over tp %d" $where (int .ffnWidth) $tp) -}}
{{- end -}}
{{- end -}}
{{- else if .geometry -}}
{{- $legal := dict -}}
{{- $geometry := .geometry -}}{{- $ranks := .ranks -}}
{{- range $c := list 1 2 -}}
{{- range $t := untilStep 1 (int (add $nodeSize 1)) 1 -}}
{{- if and (eq 0 (mod $ranks (mul $c $t) | int)) (eq 0 (mod $nodeSize $t | int)) (eq 0 (mod (int $geometry.ffnWidth) $t | int)) -}}
{{- if eq 0 (mod (int $geometry.heads) (div $ranks $c) | int) -}}
{{- $_ := set $legal "found" true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $legal.found -}}
{{- fail (printf "%s: %d heads do not divide over %d ranks in any way (cfg x sp x tp, tp within a host): choose other hosts or gpusPerHost" $where (int .geometry.heads) .ranks) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* telecine_serve/models/architectures.py; a test holds them together. */}}
{{- define "telecine.geometry" -}}
wan2.1-t2v-1.3b: {heads: 12, ffnWidth: 8960}
wan2.1-t2v-14b: {heads: 40, ffnWidth: 13824}
wan2.1-i2v-14b-480p: {heads: 40, ffnWidth: 13824}
wan2.1-i2v-14b-720p: {heads: 40, ffnWidth: 13824}
wan2.1-flf2v-14b-720p: {heads: 40, ffnWidth: 13824}
wan2.2-t2v-a14b: {heads: 40, ffnWidth: 13824}
wan2.2-i2v-a14b: {heads: 40, ffnWidth: 13824}
wan2.2-ti2v-5b: {heads: 24, ffnWidth: 14336}
ltx-video-0.9: {heads: 32, ffnWidth: 8192}
{{- end }}

{{- define "telecine.millicores" -}}
{{- $text := toString . -}}
{{- if hasSuffix "m" $text -}}{{ trimSuffix "m" $text }}{{- else -}}{{ mulf (float64 $text) 1000 | int }}{{- end -}}
{{- end }}
