#include <iostream>

#include "client/cli/cli.h"

int main(int argc, char** argv) { return graphfeed::RunCli(argc, argv, std::cout, std::cerr); }
