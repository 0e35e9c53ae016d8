{{/* (dict "root" $ "role" "writer" "own" (config of the role)): the server's configuration, whose keys
are the names of its flags. Roles: writer, follower, server (with store.rados), sidecar. */}}
{{- define "graphfeed.config" -}}
{{- $values := .root.Values -}}
{{- $full := include "graphfeed.fullname" .root -}}
{{- $rados := include "graphfeed.store" .root -}}
{{- $config := dict
      (ternary "store" "data-dir" (ne $rados "")) (default "/var/lib/graphfeed/data" $rados)
      "listen" "0.0.0.0:50051"
      "metrics-listen" "0.0.0.0:9464"
      "drain-timeout" (printf "%ds" (int $values.drainTimeoutSeconds))
      "stream-max-age" $values.streamMaxAge -}}
{{- if eq .role "sidecar" -}}
{{- $_ := set $config "listen" "unix:/run/graphfeed/server.sock" -}}
{{- $_ := set $config "stream-max-age" "0s" -}}
{{- else -}}
{{- if $values.tls.secretName -}}
{{- $_ := set $config "tls-cert" "/etc/graphfeed/tls/tls.crt" -}}
{{- $_ := set $config "tls-key" "/etc/graphfeed/tls/tls.key" -}}
{{- with $values.tls.clientCertificates -}}
{{- $_ := set $config "tls-client-ca" "/etc/graphfeed/tls/ca.crt" -}}
{{- $_ := set $config "tls-client-cert" . -}}
{{- end -}}
{{- end -}}
{{- if $values.access.secretName -}}
{{- $_ := set $config "access" "/etc/graphfeed/access/access.yaml" -}}
{{- else if ne $values.tls.clientCertificates "require" -}}
{{- $_ := set $config "allow-unauthenticated" true -}}
{{- end -}}
{{- end -}}
{{- if and (eq .role "server") $values.store.rados.cache.gib -}}
{{- $_ := set $config "cache-dir" "/var/cache/graphfeed/chunks" -}}
{{- $_ := set $config "cache-disk" (printf "%dGi" (int $values.store.rados.cache.gib)) -}}
{{- end -}}
{{- if or (eq .role "writer") (eq .role "server") -}}
{{- if $values.snapshots.enabled -}}
{{- $_ := set $config "snapshot-dir" "/var/lib/graphfeed/snapshots" -}}
{{- $_ := set $config "snapshot-every" $values.snapshots.every -}}
{{- $_ := set $config "snapshot-keep" $values.snapshots.keep -}}
{{- end -}}
{{- else if $rados -}}
{{- $_ := set $config "read-only" true -}}
{{- else -}}
{{- $_ := set $config "follow" (printf "%s-writer:50051" $full) -}}
{{- $_ := set $config "follow-every" $values.followers.followEvery -}}
{{- $_ := set $config "follow-max-lag" $values.followers.followMaxLag -}}
{{- $_ := set $config "read-only" true -}}
{{- end -}}
{{- range $key, $value := mergeOverwrite (deepCopy $values.config) (deepCopy .own) -}}
{{- if or (hasKey $config $key) (hasPrefix "tls-" $key) (has $key (list
      "data-dir" "store" "cache-dir" "cache-disk" "listen" "metrics-listen" "read-only"
      "follow" "follow-every" "follow-max-lag" "snapshot-dir" "snapshot-every" "snapshot-keep"
      "drain-timeout" "stream-max-age" "access" "allow-unauthenticated")) -}}
{{- fail (printf "config: %s is set by the chart; docs/kubernetes.md names the value that changes it" $key) -}}
{{- end -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $config $key $value -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := $config }}
{{ $key }}: {{ if kindIs "bool" $value }}{{ ternary "on" "off" $value | quote }}
{{- else if kindIs "float64" $value }}{{ int64 $value }}{{ else }}{{ $value | quote }}{{ end }}
{{- end -}}
{{- end }}

{{/* (dict "root" $ "component" "writer"): what a pod of servers is recognised by. */}}
{{- define "graphfeed.serverSelector" -}}
{{ include "graphfeed.selector" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "graphfeed.serverProbes" -}}
# A large folder is looked through before it is served.
startupProbe:
  httpGet: {path: /healthz, port: {{ .port }}}
  periodSeconds: 5
  failureThreshold: 120
livenessProbe:
  httpGet: {path: /healthz, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end }}

{{/* (dict "root" $ "component" "writer" "values" .Values.writer "reads" true "config" (text)): a pod of
servers. Components: writer, follower, server. */}}
{{- define "graphfeed.serverPod" -}}
{{- $values := .root.Values -}}
{{- $name := printf "%s-%s" (include "graphfeed.fullname" .root) .component -}}
metadata:
  labels:
    {{- include "graphfeed.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    graphfeed/server: "true"
    graphfeed/reads: {{ .reads | quote }}
  annotations:
    # A changed configuration is a restart; changed secrets are not.
    checksum/config: {{ .config | sha256sum }}
    kubectl.kubernetes.io/default-container: server
    {{- with .values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "graphfeed.podBasics" .root | nindent 2 }}
  terminationGracePeriodSeconds: {{ add $values.drainTimeoutSeconds $values.gracePeriodExtraSeconds }}
  topologySpreadConstraints:
  - topologyKey: kubernetes.io/hostname
    maxSkew: 1
    whenUnsatisfiable: {{ $values.spread.hosts }}
    labelSelector:
      matchLabels:
        {{- include "graphfeed.selector" .root | nindent 8 }}
        graphfeed/server: "true"
  - topologyKey: topology.kubernetes.io/zone
    maxSkew: 1
    whenUnsatisfiable: {{ $values.spread.zones }}
    labelSelector:
      matchLabels:
        {{- include "graphfeed.selector" .root | nindent 8 }}
        graphfeed/server: "true"
  {{- range $key := list "nodeSelector" "tolerations" "affinity" }}
  {{- with get $.values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  containers:
  - name: server
    image: {{ include "graphfeed.image" (dict "root" .root "name" (include "graphfeed.serverImage" .root)) }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    command: [graphfeed-server]
    args: [--config, /etc/graphfeed/config/config.yaml]
    {{- if eq .component "follower" }}
    {{- with include "graphfeed.clientEnv" .root | trim }}
    env:
    {{- . | nindent 4 }}
    {{- end }}
    {{- end }}
    ports:
    - {name: grpc, containerPort: 50051}
    - {name: metrics, containerPort: 9464}
    {{- include "graphfeed.serverProbes" (dict "port" "metrics") | nindent 4 }}
    resources:
      {{- toYaml (include "graphfeed.serverResources" . | fromYaml) | nindent 6 }}
    securityContext:
      {{- include "graphfeed.containerSecurity" .root | nindent 6 }}
    volumeMounts:
    {{- if eq .component "server" }}
    {{- include "graphfeed.cephMounts" .root | trim | nindent 4 }}
    {{- if $values.store.rados.cache.gib }}
    - {name: cache, mountPath: /var/cache/graphfeed}
    {{- end }}
    {{- else }}
    - {name: data, mountPath: /var/lib/graphfeed}
    {{- end }}
    - {name: config, mountPath: /etc/graphfeed/config, readOnly: true}
    - {name: tmp, mountPath: /tmp}
    {{- if $values.tls.secretName }}
    - {name: tls, mountPath: /etc/graphfeed/tls, readOnly: true}
    {{- end }}
    {{- if $values.access.secretName }}
    - {name: access, mountPath: /etc/graphfeed/access, readOnly: true}
    {{- end }}
    {{- if and (eq .component "follower") $values.clientCredentials.secretName }}
    - {name: client, mountPath: /etc/graphfeed/client, readOnly: true}
    {{- end }}
  volumes:
  {{- if eq .component "server" }}
  {{- include "graphfeed.cephVolumes" .root | trim | nindent 2 }}
  {{- with include "graphfeed.cacheVolume" .root | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- end }}
  - name: config
    configMap: {name: {{ $name }}}
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  {{- with $values.tls.secretName }}
  - name: tls
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- with $values.access.secretName }}
  - name: access
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- if eq .component "follower" }}
  {{- with $values.clientCredentials.secretName }}
  - name: client
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- end }}
{{- end }}

{{/* (dict "root" $ "component" "writer" "values" .Values.writer "reads" true "replicas" 1 "config"
(text)): servers with a volume each. */}}
{{- define "graphfeed.statefulSet" -}}
{{- $name := printf "%s-%s" (include "graphfeed.fullname" .root) .component -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels:
    {{- include "graphfeed.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  serviceName: {{ include "graphfeed.fullname" .root }}-pods
  {{- if not (kindIs "invalid" .replicas) }}
  replicas: {{ .replicas }}
  {{- end }}
  # Followers need not wait for each other's first copy.
  podManagementPolicy: Parallel
  minReadySeconds: 10
  # A follower's volume is a copy, the writer's is not.
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: Retain
    whenScaled: {{ ternary "Retain" "Delete" (eq .component "writer") }}
  selector:
    matchLabels:
      {{- include "graphfeed.serverSelector" . | nindent 6 }}
  template:
    {{- include "graphfeed.serverPod" . | nindent 4 }}
  volumeClaimTemplates:
  - metadata:
      name: data
      labels:
        {{- include "graphfeed.serverSelector" . | nindent 8 }}
    spec:
      accessModes: {{ toJson .values.persistence.accessModes }}
      {{- with .values.persistence.storageClassName }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests: {storage: {{ .values.persistence.size }}}
{{- end }}
