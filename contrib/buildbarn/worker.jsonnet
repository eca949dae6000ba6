// For bb_worker's configuration, in each of buildDirectories[].runners[]: what a chroot into the input root needs in its /dev. These are
// nodes in the action's directory, not mounts: they go with it, and reaperd has nothing to do with them.
{
  inputRootCharacterDeviceNodes: ['full', 'null', 'random', 'tty', 'urandom', 'zero'],
}
