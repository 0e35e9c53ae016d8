// Linked with the popef executor and a real SDK: prints its version. Fails if a file that is no
// model is taken for one.

#include <iostream>

#include "client/worker/popef_device.h"
#include "client/worker/popef_executor.h"

int main(int /*argc*/, char** argv) {
  std::cout << "runtime " << graphfeed::PoplarRuntime() << ' ' << graphfeed::PoplarVersion()
            << '\n';
  graphfeed::PopefOptions options;
  options.model_files = {argv[0]};  // an ELF file
  const auto executor = graphfeed::NewPopefExecutor(options);
  std::cout << executor.status() << '\n';
  return graphfeed::ErrorClassOf(executor.status()) == "model" ? 0 : 1;
}
