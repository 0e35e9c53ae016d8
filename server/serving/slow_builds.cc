#include "server/serving/slow_builds.h"

#include "absl/strings/str_cat.h"
#include "storage/base/digest.h"

namespace graphfeed {

void SlowBuilds::Warn(const Recipe& recipe, uint64_t seed, int64_t epoch, int64_t ordinal,
                      std::chrono::nanoseconds time) {
  log_->WriteLimited(limit_, LogLevel::kWarn, "build.slow",
                     {{"dataset", recipe.dataset_name()},
                      {"spec_digest", DigestHex(recipe.spec_digest)},
                      {"seed", absl::StrCat(seed)},
                      {"epoch", epoch},
                      {"ordinal", ordinal},
                      {"ms", std::chrono::duration<double, std::milli>(time).count()}});
}

}  // namespace graphfeed
