#ifndef GRAPHFEED_STORAGE_PARTITION_METIS_RANDOM_H_
#define GRAPHFEED_STORAGE_PARTITION_METIS_RANDOM_H_

#include <stdlib.h>

#include <array>

namespace graphfeed {

// While it exists, srand() and rand() of this thread have a state of their own, which draws what
// the C library's would draw from the same seed.
//
// METIS draws from rand(), of which a process has one state, and so does gRPC for its connections:
// a draw of gRPC's between two of METIS's would give another partition. The program that this is
// linked into therefore has srand() and rand() of its own, which libraries find before the C
// library's; in other threads, and without a MetisRandom, they are the C library's. (A shared
// object's own would not be found: only programs may partition.)
//
// At most one a thread, on the stack of the thread that draws.
class MetisRandom {
 public:
  MetisRandom();
  ~MetisRandom();
  MetisRandom(const MetisRandom&) = delete;
  MetisRandom& operator=(const MetisRandom&) = delete;

  void Seed(unsigned seed);
  int Draw();

 private:
  random_data data_{};
  std::array<char, 128> state_{};  // as large as the C library's
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_PARTITION_METIS_RANDOM_H_
