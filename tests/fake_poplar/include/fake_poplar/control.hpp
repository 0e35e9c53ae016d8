#ifndef FAKE_POPLAR_CONTROL_HPP
#define FAKE_POPLAR_CONTROL_HPP

// How tests steer the fake, beside environment variables:
//
//   FAKE_POPLAR_INJECT   as Inject takes it
//   FAKE_POPLAR_DEVICES  the devices' numbers of IPUs, "1,1,2" by default; their ids count from 0
//   FAKE_POPLAR_ARCH     "ipu2" by default
//   FAKE_POPLAR_DIR      where the devices' lock files are: processes that share it share the
//                        devices; a folder of the user in the temporary folder by default

#include <cstdint>
#include <string>

namespace fake_poplar {

// Errors to come: "POINT=KIND[@N][xCOUNT]" separated by ";". From the N-th time (default 1) that
// POINT is reached, COUNT times (default 1), KIND happens there. Replaces what was injected before.
//
//   POINT  devices attach deserialize engine load connect reset run.load run.main run.save
//   KIND   application unrecoverable unknown IPU_RESET LINK_RESET PARTITION_RESET FULL_RESET poplar
//          link memory stream_memory invalid_option symbol file_load parse std alien (an int is
//          thrown); busy (attach only: false); hang (until Engine::stop); hang_forever (until
//          ReleaseHangs)
//
// Errors of run.main come before the last iteration, when the earlier ones have changed weights.
// After an error of a run the device runs nothing until it is reset.
void Inject(const std::string& errors);
void ReleaseHangs();  // of hang_forever, also of those to come

// Throws away what was read ahead at the end of every run, and says so to the callbacks.
void SetInvalidateAfterRun(bool on);

struct Counts {
  std::int64_t prefetched = 0;     // prefetches that succeeded
  std::int64_t not_available = 0;  // and that did not
  std::int64_t fetched = 0;        // of callbacks with read-ahead
  std::int64_t read_ahead = 0;     // prefetched data in the buffers when a run ended
  std::int64_t resets = 0;
  std::int64_t opaque_reads = 0;
};
Counts GetCounts();
void ClearCounts();

}  // namespace fake_poplar

#endif  // FAKE_POPLAR_CONTROL_HPP
