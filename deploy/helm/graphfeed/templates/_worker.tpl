{{/* (dict "root" $ "worker" (one of .Values.workers) "shard" "0"): the arguments of graphfeed-worker. */}}
{{- define "graphfeed.workerArgs" -}}
{{- $full := include "graphfeed.fullname" .root -}}
{{- $worker := .worker -}}
- --server
- {{ ternary "unix:/run/graphfeed/server.sock" (printf "%s:50051" $full) (dig "sidecar" "enabled" false $worker) }}
- --dataset
- {{ $worker.dataset | quote }}
- --spec
- /etc/graphfeed/run/spec.json
- --model
- /model/{{ $worker.model.path }}
{{- with $worker.model.sha256 }}
- --model-sha256
- {{ . | quote }}
{{- end }}
- --executor
- {{ ternary "popef" "torchscript" (eq $worker.kind "IPUJob") }}
{{- if gt (int (default 1 $worker.shards)) 1 }}
- --num-shards
- {{ $worker.shards | quote }}
- --shard-index
- {{ .shard | quote }}
{{- end }}
{{- if $worker.checkpoints }}
- --checkpoint-dir
- {{ printf "/checkpoints/%s-%v" $worker.name .shard | quote }}
{{- end }}
- --metrics-listen
- 0.0.0.0:9465
- --name
- $(POD_NAME)
- --job
- {{ printf "%s-%s" $full $worker.name }}
{{- range $worker.args }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{/* As above: a pod with the worker and, if it has one, the server beside it. */}}
{{- define "graphfeed.workerPod" -}}
{{- $full := include "graphfeed.fullname" .root -}}
{{- $worker := .worker -}}
{{- $values := .root.Values -}}
{{- $ipu := eq $worker.kind "IPUJob" -}}
{{- $sidecar := dig "sidecar" "enabled" false $worker -}}
{{- $pool := ne $values.store.rados.pool "" -}}
metadata:
  labels:
    {{- include "graphfeed.labels" .root | nindent 4 }}
    app.kubernetes.io/component: worker
    graphfeed/worker: {{ $worker.name }}
    graphfeed/shard: {{ .label | quote }}
  annotations:
    checksum/config: {{ $worker | toJson | sha256sum }}
    kubectl.kubernetes.io/default-container: worker
spec:
  {{- include "graphfeed.podBasics" .root | nindent 2 }}
  # The step is finished and a checkpoint written.
  terminationGracePeriodSeconds: {{ add $values.drainTimeoutSeconds $values.gracePeriodExtraSeconds }}
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" }}
  {{- with get $worker $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- if $sidecar }}
  initContainers:
  # A server of the pod's own: it {{ ternary "reads the pool" "copies the writer's versions" $pool }}, and batches go to the worker in memory
  # that both share. The worker starts when it is ready, and it ends after the worker.
  - name: server
    image: {{ include "graphfeed.image" (dict "root" .root "name" (include "graphfeed.serverImage" .root)) }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    restartPolicy: Always
    command: [graphfeed-server]
    args: [--config, /etc/graphfeed/config/config.yaml]
    {{- with include "graphfeed.clientEnv" .root | trim }}
    env:
    {{- . | nindent 4 }}
    {{- end }}
    ports:
    - {name: metrics, containerPort: 9464}
    startupProbe:
      httpGet: {path: /readyz, port: metrics}
      periodSeconds: 5
      failureThreshold: 720
    livenessProbe:
      httpGet: {path: /healthz, port: metrics}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    resources:
      requests: {memory: {{ $worker.sidecar.memory }}}
      limits: {memory: {{ $worker.sidecar.memory }}}
    securityContext:
      {{- include "graphfeed.containerSecurity" .root | nindent 6 }}
    volumeMounts:
    {{- if $pool }}
    {{- include "graphfeed.cephMounts" .root | trim | nindent 4 }}
    {{- else }}
    - {name: data, mountPath: /var/lib/graphfeed}
    {{- end }}
    - {name: socket, mountPath: /run/graphfeed}
    - {name: config, mountPath: /etc/graphfeed/config, readOnly: true}
    - {name: tmp, mountPath: /tmp}
    {{- with include "graphfeed.clientMounts" .root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
  - name: worker
    image: {{ include "graphfeed.image" (dict "root" .root "name" (ternary "workerPoplar" "worker" $ipu)) }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    command: [graphfeed-worker]
    args:
    {{- include "graphfeed.workerArgs" . | nindent 4 }}
    env:
    - name: POD_NAME
      valueFrom: {fieldRef: {fieldPath: metadata.name}}
    {{- with include "graphfeed.clientEnv" .root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    ports:
    - {name: worker-metrics, containerPort: 9465}
    livenessProbe:
      httpGet: {path: /healthz, port: worker-metrics}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
      initialDelaySeconds: 30
    readinessProbe:
      httpGet: {path: /readyz, port: worker-metrics}
      periodSeconds: 10
    {{- with $worker.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    securityContext:
      {{- if $ipu }}
      # The operator makes the container privileged, which forbids to forbid it more.
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL], add: [IPC_LOCK]}
      {{- else }}
      {{- include "graphfeed.containerSecurity" .root | nindent 6 }}
      {{- end }}
    volumeMounts:
    - {name: run, mountPath: /etc/graphfeed/run, readOnly: true}
    - {name: model, mountPath: /model, readOnly: true}
    {{- if $worker.checkpoints }}
    - {name: checkpoints, mountPath: /checkpoints}
    {{- end }}
    {{- if $sidecar }}
    - {name: socket, mountPath: /run/graphfeed}
    {{- end }}
    - {name: tmp, mountPath: /tmp}
    {{- with include "graphfeed.clientMounts" .root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
  volumes:
  - name: run
    configMap: {name: {{ $full }}-worker-{{ $worker.name }}}
  - name: model
    {{- toYaml $worker.model.volume | nindent 4 }}
  {{- with $worker.checkpoints }}
  - name: checkpoints
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $sidecar }}
  - name: socket
    emptyDir: {sizeLimit: 1Mi}
  {{- if $pool }}
  {{- include "graphfeed.cephVolumes" .root | trim | nindent 2 }}
  {{- else }}
  - name: data
    emptyDir: {sizeLimit: {{ required (printf "workers: %s: sidecar.size is missing" $worker.name) $worker.sidecar.size }}}
  {{- end }}
  - name: config
    configMap: {name: {{ $full }}-sidecar}
  {{- end }}
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
  {{- with include "graphfeed.clientVolumes" .root | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
