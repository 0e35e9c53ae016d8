#include <iostream>

#include "client/cli/cli.h"
#include "client/cpp/receive_memory.h"

int main(int argc, char** argv) {
  graphfeed::KeepReceiveMemory();
  return graphfeed::RunCli(argc, argv, std::cout, std::cerr);
}
