;; Counts its calls under key "n" and logs each.
(module
(import "florin1" "storage_set" (func $set (param i64 i64)))
(import "florin1" "storage_get" (func $get (param i64 i64) (result i32)))
(import "florin1" "log" (func $log (param i64 i64)))
(memory (export "memory") 1)
(data (i32.const 16) "n")
(func (export "call") (param i32) (result i32)
    (drop (call $get (i64.const 0x10_0000_0001) (i64.const 8)))
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (call $set (i64.const 0x10_0000_0001) (i64.const 8))
    (call $log (i64.const 0) (i64.const 8))
    (i32.const 0)))
