#include "storage/partition/metis_random.h"

namespace graphfeed {
namespace {

thread_local MetisRandom* current = nullptr;

}  // namespace

MetisRandom::MetisRandom() {
  initstate_r(1, state_.data(), state_.size(), &data_);
  current = this;
}

MetisRandom::~MetisRandom() { current = nullptr; }

void MetisRandom::Seed(unsigned seed) { srandom_r(seed, &data_); }

int MetisRandom::Draw() {
  int32_t drawn = 0;
  random_r(&data_, &drawn);
  return drawn;
}

}  // namespace graphfeed

// The C library's srand() and rand() are srandom() and random() under other names.
extern "C" void srand(unsigned seed) noexcept {
  if (graphfeed::current != nullptr) {
    graphfeed::current->Seed(seed);
  } else {
    srandom(seed);
  }
}

extern "C" int rand() noexcept {
  return graphfeed::current != nullptr ? graphfeed::current->Draw() : static_cast<int>(random());
}
