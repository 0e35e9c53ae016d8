#ifndef GRAPHFEED_CLIENT_CPP_RECEIVE_MEMORY_H_
#define GRAPHFEED_CLIENT_CPP_RECEIVE_MEMORY_H_

namespace graphfeed {

// For programs that receive batches; the command line and the Python package call it.
//
// gRPC allocates buffers for each message and frees them soon after. glibc gives what is free at
// the top of a heap back to the system, and the next message faults it in again: 20 to 60 page
// faults a batch of 470 KB, and a quarter of the speed. This keeps up to 256 MiB of free memory a
// heap, reserves heaps in steps of 64 MiB (addresses, no memory) and takes allocations of up to 32
// MiB from them (M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD), for the whole process, once.
// Nothing is set where the environment has settings for glibc's malloc (GLIBC_TUNABLES with
// glibc.malloc, MALLOC_TRIM_THRESHOLD_, MALLOC_TOP_PAD_, MALLOC_MMAP_THRESHOLD_) or says
// GRAPHFEED_MALLOC=default, and other allocators do not notice it. Returns whether it was set.
bool KeepReceiveMemory();

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_RECEIVE_MEMORY_H_
