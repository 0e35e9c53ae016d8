// IPUJob of Graphcore's IPU operator, as its user guide has it: no types of it are published.
import { IObjectMeta } from "@kubernetes-models/apimachinery/apis/meta/v1/ObjectMeta";
import { IPodTemplateSpec } from "kubernetes-models/v1/PodTemplateSpec";

export interface IIPUJob {
  apiVersion: "graphcore.ai/v1alpha1";
  kind: "IPUJob";
  metadata: IObjectMeta;
  spec: {
    jobInstances: number;
    ipusPerJobInstance: string;
    workers: { template: IPodTemplateSpec };
  };
}
