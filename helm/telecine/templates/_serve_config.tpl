{{/* What Serve runs. The settings are args and not variables, so that a change is applied in place. */}}

{{- define "telecine.serveConfig" -}}
{{- $root := . -}}
proxy_location: Disabled
logging_config: {encoding: JSON, log_level: WARNING, enable_access_log: false}
applications:
{{- range $part := list "screening" "generation" "moderation" }}
{{- $settings := include "telecine.sharedSettings" $root | fromYaml }}
{{- $settings = merge $settings (include "telecine.fileSettings" (dict "root" $root "part" $part) | fromYaml) }}
{{- /* What only another stage reads would replace this one's replicas for nothing. */}}
{{- range $other := without (list "screening" "generation" "moderation") $part }}
{{- $settings = omit $settings (printf "%s_min_replicas" $other) (printf "%s_max_replicas" $other) }}
{{- end }}
{{- if eq $part "generation" }}
{{- $settings = set $settings "model_folder" (include "telecine.modelFolder" $root) }}
{{- end }}
  - name: {{ $part }}
    import_path: telecine_serve.apps.build:{{ $part }}
    route_prefix: null
    args:
      resources:
        {{ include "telecine.mark" (dict "part" $part) }}: {{ if eq $part "generation" }}0.001{{ else }}1{{ end }}
      settings: {{- toYaml $settings | nindent 8 }}
{{- end }}
{{- end }}

{{- define "telecine.modelFolder" -}}
/var/cache/telecine/models/{{ include "telecine.modelName" . }}
{{- end }}
