{{/* The pool of store.rados as --store has it; empty: there is none. */}}
{{- define "graphfeed.store" -}}
{{- with .Values.store.rados -}}
{{- if .pool -}}
rados://{{ .pool }}{{ with .namespace }}/{{ . }}{{ end }}?conf=/etc/graphfeed/ceph/ceph.conf&id={{ .user }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "graphfeed.serverImage" -}}
{{ ternary "serverRados" "server" (ne .Values.store.rados.pool "") }}
{{- end }}

{{/* The service that takes what is written. */}}
{{- define "graphfeed.writerService" -}}
{{ include "graphfeed.fullname" . }}{{ if not .Values.store.rados.pool }}-writer{{ end }}
{{- end }}

{{- define "graphfeed.cephConf" -}}
[global]
mon_host = {{ join "," .Values.store.rados.monitors }}
keyfile = /etc/graphfeed/ceph-key/key
{{- range $key, $value := .Values.store.rados.settings }}
{{ $key }} = {{ if kindIs "float64" $value }}{{ int64 $value }}{{ else }}{{ $value }}{{ end }}
{{- end }}
{{- end }}

{{- define "graphfeed.cephMounts" -}}
- {name: ceph, mountPath: /etc/graphfeed/ceph, readOnly: true}
- {name: ceph-key, mountPath: /etc/graphfeed/ceph-key, readOnly: true}
{{- end }}

{{- define "graphfeed.cephVolumes" -}}
{{- $rados := .Values.store.rados -}}
- name: ceph
  configMap: {name: {{ default (printf "%s-ceph" (include "graphfeed.fullname" .)) $rados.cephConfigMap }}}
- name: ceph-key
  secret:
    secretName: {{ default (printf "rook-ceph-client-%s" $rados.user) $rados.secretName }}
    defaultMode: 0440
    items: [{key: {{ $rados.secretKey }}, path: key}]
{{- end }}

{{/* What the cache takes, files and folders of its file system included. */}}
{{- define "graphfeed.cacheSize" -}}
{{ add (div (add (mul 11 (int .Values.store.rados.cache.gib)) 9) 10) 1 }}Gi
{{- end }}

{{- define "graphfeed.cacheVolume" -}}
{{- $cache := .Values.store.rados.cache -}}
{{- if $cache.gib -}}
- name: cache
  {{- if $cache.storageClassName }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        storageClassName: {{ $cache.storageClassName }}
        resources:
          requests: {storage: {{ include "graphfeed.cacheSize" . }}}
  {{- else }}
  emptyDir: {sizeLimit: {{ include "graphfeed.cacheSize" . }}}
  {{- end }}
{{- end -}}
{{- end }}

{{/* Those of a pod of servers, and the room of a cache in an emptyDir, which is the host's. */}}
{{- define "graphfeed.serverResources" -}}
{{- $cache := .root.Values.store.rados.cache -}}
{{- $resources := deepCopy .values.resources -}}
{{- if and (eq .component "server") $cache.gib (not $cache.storageClassName) -}}
{{- $requests := default dict $resources.requests -}}
{{- if not (hasKey $requests "ephemeral-storage") -}}
{{- $_ := set $requests "ephemeral-storage" (include "graphfeed.cacheSize" .root | trim) -}}
{{- end -}}
{{- $_ := set $resources "requests" $requests -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}

{{/* What store.rados cannot be together with. */}}
{{- define "graphfeed.checkStore" -}}
{{- $rados := .Values.store.rados -}}
{{- if $rados.pool -}}
{{- if or (gt (int .Values.followers.replicas) 0) .Values.followers.autoscaling.enabled -}}
{{- fail "store.rados.pool: servers share a pool, and nobody follows: servers.replicas and servers.autoscaling, not those of followers" -}}
{{- end -}}
{{- if not .Values.writer.servesReaders -}}
{{- fail "store.rados.pool: there is no writer apart from other servers: leave writer.servesReaders" -}}
{{- end -}}
{{- if .Values.snapshots.enabled -}}
{{- fail "store.rados.pool: snapshots are of folders, and there are none of a pool: snapshots.enabled must be false (docs/scale_out.md says how a pool is kept safe)" -}}
{{- end -}}
{{- if not (or $rados.monitors $rados.cephConfigMap) -}}
{{- fail "store.rados.pool needs store.rados.monitors or store.rados.cephConfigMap: where the cluster is" -}}
{{- end -}}
{{- if and $rados.cephConfigMap (or $rados.monitors $rados.settings) -}}
{{- fail "store.rados: monitors and settings are of a ceph.conf that is made, cephConfigMap is one that there is: one of both" -}}
{{- end -}}
{{- range $key := list "mon_host" "keyfile" -}}
{{- if hasKey $rados.settings $key -}}
{{- fail (printf "store.rados.settings: %s is set by the chart" $key) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- if .Values.servers.autoscaling.enabled -}}
{{- fail "servers.autoscaling: servers are made with store.rados.pool alone; without it followers.autoscaling" -}}
{{- end -}}
{{- if $rados.cache.gib -}}
{{- fail "store.rados.cache: it is of servers on a pool, and store.rados.pool is empty" -}}
{{- end -}}
{{- if or $rados.rook.createClient $rados.rook.createPool -}}
{{- fail "store.rados.rook: store.rados.pool is empty" -}}
{{- end -}}
{{- end -}}
{{- end }}
