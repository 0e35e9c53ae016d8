{{- define "graphfeed.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "graphfeed.fullname" -}}
{{- $name := include "graphfeed.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Labels that selectors compare: of all that belongs to the release. */}}
{{- define "graphfeed.selector" -}}
app.kubernetes.io/name: {{ include "graphfeed.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "graphfeed.labels" -}}
{{ include "graphfeed.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: graphfeed
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* (dict "root" $ "name" "server"): the image of this name. */}}
{{- define "graphfeed.image" -}}
{{- $image := .root.Values.image -}}
{{- $repository := get $image .name -}}
{{- if $image.registry -}}{{ $image.registry }}/{{ end -}}
{{ $repository }}:{{ default .root.Chart.AppVersion $image.tag }}
{{- end }}

{{- define "graphfeed.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "graphfeed.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{/* What pods of all kinds have: they need neither rights in the cluster nor on the host. */}}
{{- define "graphfeed.podBasics" -}}
serviceAccountName: {{ include "graphfeed.serviceAccount" . }}
automountServiceAccountToken: false
# A Service named graphfeed would be GRAPHFEED_PORT and the like, which programs take for theirs.
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  # Of volumes with many files, only those whose owner is wrong are looked at.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "graphfeed.containerSecurity" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end }}

{{/* What a client of the release's servers is told by its environment (GRAPHFEED_TOKEN_FILE ...). */}}
{{- define "graphfeed.clientEnv" -}}
{{- if .Values.tls.secretName }}
- {name: GRAPHFEED_ROOT_CA, value: /etc/graphfeed/tls/ca.crt}
{{- end }}
{{- if .Values.clientCredentials.secretName }}
{{- if eq .Values.clientCredentials.kind "token" }}
- {name: GRAPHFEED_TOKEN_FILE, value: /etc/graphfeed/client/token}
{{- else }}
- {name: GRAPHFEED_CERT, value: /etc/graphfeed/client/tls.crt}
- {name: GRAPHFEED_KEY, value: /etc/graphfeed/client/tls.key}
{{- end }}
{{- end }}
{{- end }}

{{- define "graphfeed.clientMounts" -}}
{{- if .Values.tls.secretName }}
- {name: tls-ca, mountPath: /etc/graphfeed/tls, readOnly: true}
{{- end }}
{{- if .Values.clientCredentials.secretName }}
- {name: client, mountPath: /etc/graphfeed/client, readOnly: true}
{{- end }}
{{- end }}

{{/* Clients see the authority of the server's secret, not its key. */}}
{{- define "graphfeed.clientVolumes" -}}
{{- with .Values.tls.secretName }}
- name: tls-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- with .Values.clientCredentials.secretName }}
- name: client
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}
