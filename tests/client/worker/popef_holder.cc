// popef_holder MODEL: loads the model and holds its device until its input ends.

#include <iostream>

#include "client/worker/popef_executor.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  graphfeed::PopefOptions options;
  options.model_files = {argv[1]};
  auto executor = graphfeed::NewPopefExecutor(options);
  const absl::Status status = executor.ok() ? (*executor)->Load() : executor.status();
  if (!status.ok()) {
    std::cout << status << std::endl;
    return 1;
  }
  std::cout << "loaded" << std::endl;
  std::cin.get();
  return 0;
}
