// The tile registers of AMX: 8 KiB for each thread, which Linux saves for those processes only that have asked for it.
#pragma once

namespace inc_hf {

enum class TileAccess { kAbsent, kRefused, kGranted };

// Whether this process may use them. The first call asks for it, for all threads and for processes forked later.
TileAccess tile_access();

// The same for a CPU of which it is known whether it has them: kRefused if the operating system does not save them, as
// before Linux 5.16, or does not allow it.
TileAccess ask_for_tiles(bool cpu_has_them);

}  // namespace inc_hf
