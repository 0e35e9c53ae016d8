#ifndef GRAPHFEED_CLIENT_WORKER_POPEF_EXECUTOR_H_
#define GRAPHFEED_CLIENT_WORKER_POPEF_EXECUTOR_H_

// Runs a model that was compiled for IPUs (a PopEF file) on the Poplar SDK. docs/poplar.md tells
// how such a file is made and what has not been tried on hardware.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/worker/executor.h"

namespace graphfeed {

struct PopefOptions {
  // PopEF files that are one model together (executable, metadata, weights), mostly one file.
  std::vector<std::string> model_files;
  // Another process may hold the device, and a partition may not exist yet: attaching is tried
  // again, with growing pauses, until then.
  absl::Duration attach_timeout = absl::Minutes(1);
  std::optional<unsigned> device_id;  // nullopt: any device with as many IPUs as the model needs
  // A step, or an upload or download of weights, that takes longer is a hang. More than Poplar's
  // own target.hostSyncTimeout, which is 5 minutes and gives a better error.
  absl::Duration run_timeout = absl::Minutes(10);
  // A JSON object of strings, as POPLAR_ENGINE_OPTIONS takes it: put over the options that the
  // model was compiled with. "": none.
  std::string engine_options;
  // The output that is the loss. "": the one whose name has "loss" in it, or else the only output
  // of a model that trains.
  std::string loss;
  uint64_t seed = 0;  // of the device's random numbers, if the model asks for one and holds none
  std::function<bool()> cancelled;  // asked while a device is waited for; null: never
};

// An executor over the model. The device is not touched before Load. Errors are FAILED_PRECONDITION
// with class "model" if the files are none that it can run: several models or processes, weights in
// remote buffers, streams over 128 MiB, element types that batches do not have. Serialised Python
// objects in a file ("opaque" blobs, as PopTorch adds one) are never read. In a build without the
// SDK always FAILED_PRECONDITION, class "absent".
//
// A step takes device iterations x replicas micro-batches, and they lie in this order: all replicas
// of the first iteration, all of the second, and so on. Inputs of another dtype or size are
// refused.
//
// Classes of errors, what they come from, and what to do:
//
//   model              the files, or the executable in them: FAILED_PRECONDITION, kExit
//   absent             built without the SDK: FAILED_PRECONDITION, kExit
//   load               Poplar refused the executable (another version's, linking, memory, options)
//                      or the device while loading: FAILED_PRECONDITION, kExit
//   device             the device is not what the model was compiled for: FAILED_PRECONDITION,
//   kExit attach_timeout     no device was free in time: UNAVAILABLE, kExit; whoever supervises the
//                      process starts it again
//   cancelled          while waiting for a device: CANCELLED, kExit
//   usage              Run, SaveState or LoadState without Load: FAILED_PRECONDITION, kExit
//   input              a step is not what description() asks for: INVALID_ARGUMENT, kExit
//   state              LoadState of bytes that are not this model's: INVALID_ARGUMENT, kExit
//   streams            the model took or gave other numbers of micro-batches than its metadata say,
//                      or a read-ahead step was not the next one: INTERNAL, kReset, then kExit
//   application        application_runtime_error: INTERNAL, kReset, then kExit
//   recoverable_ipu_reset        ABORTED, kReset
//   recoverable_link_reset, recoverable_partition_reset, recoverable_full_reset: UNAVAILABLE, kExit
//   unrecoverable      INTERNAL, kExit
//   unknown            any other exception of a run: INTERNAL, kExit
//   hang               run_timeout: DEADLINE_EXCEEDED, kExit. The engine was told to stop. If it
//   did
//                      not, its thread is left behind: leave by _exit, not by exit.
//
// "kReset, then kExit": kReset the first time in the executor's life, kExit from then on, because
// the same batches would fail again.
absl::StatusOr<std::unique_ptr<Executor>> NewPopefExecutor(const PopefOptions& options);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_POPEF_EXECUTOR_H_
