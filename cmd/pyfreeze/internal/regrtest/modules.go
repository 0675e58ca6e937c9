package main

import "strings"

// modules are those that are run unless others are named, quick ones first.
var modules = strings.Fields(`test_dict test_set test_gc test_weakref test_json test_struct test_collections test_functools test_typing test_random
	test_tempfile test_datetime test_sqlite3 test_hashlib test_ctypes test_importlib test_pickle test_re test_decimal test_sys test_os test_ssl
	test_unittest test_signal test_logging test_threading test_io test_subprocess test_asyncio test_multiprocessing_fork`)

// older are names that modules had: test_sqlite became test_sqlite3 with 3.11 (bpo-45243).
var older = map[string]string{"test_sqlite3": "test_sqlite"}

// supplied are modules that some installations lack, with their text: from 3.11.5 and 3.12.0 on test_multiprocessing_fork is a directory (gh-108416), which
// `make install` left out until 3.13. The text is that of 3.10, where it was a file.
var supplied = map[string]string{"test_multiprocessing_fork": `import unittest
import test._test_multiprocessing

test._test_multiprocessing.install_tests_in_module_dict(globals(), 'fork')

if __name__ == '__main__':
    unittest.main()
`}

// suppliedName is what regrtest is told a supplied module is called: it would look into a directory for the parts of one of the proper name.
func suppliedName(module string) string { return module + "_whole" }

// left are tests that neither side runs, by interpreter and module: Debian's 3.11.2 hangs at its end where daemon threads read files.
var left = map[[2]string]string{{"debian", "test_threading"}: "test_4_daemon_threads"}
