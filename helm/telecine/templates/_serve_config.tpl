{{/* What Serve runs. The settings are args and not variables, so that a change is applied in place. */}}

{{- define "telecine.serveConfig" -}}
{{- $root := . -}}
proxy_location: Disabled
logging_config: {encoding: JSON, log_level: WARNING, enable_access_log: false}
applications:
{{- range $entry := include "telecine.stages" $root | fromYamlArray }}
{{- $settings := include "telecine.sharedSettings" $root | fromYaml }}
{{- if $entry.model }}
{{- $own := include "telecine.modelSettings" (dict "root" $root "model" $entry.model) | fromYaml }}
{{- $settings = merge $own (include "telecine.commonSettings" $root | fromYaml) }}
{{- $settings = set $settings "model_folder" (include "telecine.modelFolder" $entry) }}
{{- end }}
{{- $settings = merge $settings (include "telecine.fileSettings" (dict "root" $root "part" $entry.part) | fromYaml) }}
{{- /* What only another stage reads would replace this one's replicas for nothing. */}}
{{- range $other := without (list "screening" "generation" "moderation") $entry.stage }}
{{- $settings = omit $settings (printf "%s_min_replicas" $other) (printf "%s_max_replicas" $other) }}
{{- end }}
  - name: {{ $entry.part }}
    import_path: telecine_serve.apps.build:{{ $entry.stage }}
    route_prefix: null
    args:
      resources:
        {{ include "telecine.mark" $entry }}: {{ if $entry.model }}0.001{{ else }}1{{ end }}
      settings: {{- toYaml $settings | nindent 8 }}
{{- end }}
{{- end }}

{{- define "telecine.modelFolder" -}}
/var/cache/telecine/models/{{ .model }}
{{- end }}
