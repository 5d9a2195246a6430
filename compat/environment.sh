# Environments with other people's software, for the scripts beside this file.
# They are kept from run to run. An install that was interrupted is begun anew.

peers=${TINSMITH_PEERS:-$HOME/.cache/tinsmith-peers}

# environment NAME REQUIREMENT...: sets $python to that of a virtual environment
# $peers/NAME with these requirements.
environment() {
  local folder=$peers/$1
  python=$folder/bin/python
  [ -e "$folder/ready" ] && return
  echo "installing ${*:2} into $folder"
  mkdir -p "$peers"
  python3 -m venv --clear "$folder"
  "$python" -m pip install --quiet --disable-pip-version-check "${@:2}"
  touch "$folder/ready"
}

# package NAME==VERSION: sets $package to a folder with this package alone, for a
# PYTHONPATH before the packages of the environment.
package() {
  package=$peers/packages/${1//==/-}
  [ -e "$package" ] && return
  echo "installing $1 into $package"
  rm -rf "$package.part"
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$package.part" "$1"
  mv "$package.part" "$package"
}
