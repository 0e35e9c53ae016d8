{{/* (dict "root" $ "ingest" (one of .Values.ingests)): the pod that runs it. */}}
{{- define "graphfeed.ingestPod" -}}
metadata:
  labels:
    {{- include "graphfeed.labels" .root | nindent 4 }}
    app.kubernetes.io/component: ingest
spec:
  {{- include "graphfeed.podBasics" .root | nindent 2 }}
  restartPolicy: OnFailure
  containers:
  - name: ingest
    image: {{ include "graphfeed.image" (dict "root" .root "name" "cli") }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: [graphfeed, import]
    args:
    {{- toYaml .ingest.args | nindent 4 }}
    - --server
    - {{ include "graphfeed.writerService" .root }}:50051
    # Content that is there already makes no further version.
    - --if-exists
    - same
    {{- with include "graphfeed.clientEnv" .root | trim }}
    env:
    {{- . | nindent 4 }}
    {{- end }}
    resources:
      {{- toYaml (default (dict "requests" (dict "cpu" "1" "memory" "1Gi") "limits" (dict "memory" "2Gi")) .ingest.resources) | nindent 6 }}
    securityContext:
      {{- include "graphfeed.containerSecurity" .root | nindent 6 }}
    volumeMounts:
    - {name: data, mountPath: /data, readOnly: true}
    - {name: tmp, mountPath: /tmp}
    {{- with include "graphfeed.clientMounts" .root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
  volumes:
  - name: data
    {{- toYaml .ingest.volume | nindent 4 }}
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  {{- with include "graphfeed.clientVolumes" .root | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
