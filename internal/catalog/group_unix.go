//go:build unix

package catalog

import (
	"os/exec"
	"syscall"
)

// ownGroup lets the end of cmd's context kill it with all of its children:
// what python3 names may be a script that starts the real one.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
