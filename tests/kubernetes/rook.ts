// Of Rook's custom resources, what the chart uses of them and its documentation has.
import { IObjectMeta } from "@kubernetes-models/apimachinery/apis/meta/v1/ObjectMeta";

interface IRookObject {
  apiVersion: "ceph.rook.io/v1";
  metadata: IObjectMeta & { namespace: string };
}

export interface ICephClient extends IRookObject {
  kind: "CephClient";
  // By what they are for: "mon", "osd" ...
  spec: { caps: { [daemon: string]: string } };
}

export interface ICephBlockPool extends IRookObject {
  kind: "CephBlockPool";
  spec: {
    failureDomain?: string;
    deviceClass?: string;
    replicated: { size: number; requireSafeReplicaSize?: boolean };
  };
}
