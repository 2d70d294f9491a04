#pragma once

namespace expandft {

/// From now on a mapped file that another process makes shorter, or whose disk fails, ends the
/// program with an error that names the file and exit code 1. Without this the system ends it with
/// SIGBUS and says nothing. What was being written is left unfinished, as by any sudden end.
void report_lost_pages();

}  // namespace expandft
